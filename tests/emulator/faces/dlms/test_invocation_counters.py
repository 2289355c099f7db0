"""No invocation counter is used twice with a key, whenever the program ends and wherever it begins again."""

from hypothesis import given
from hypothesis import strategies as st

from emulator.faces.dlms.association import Guards
from emulator.faces.dlms.invocation_counters import RESERVED, CounterPair
from emulator.faces.dlms.security import MeterSecurity, SecuritySettings
from emulator.faces.dlms.session import SharedState
from emulator.faces.locking import PasswordLock
from tests.emulator.faces.dlms.securing import KEYS, METER, SecureTalk, associated
from tests.emulator.faces.dlms.talking import GET_TIME, PASSWORD

SPENT = "d80105"


class Paper:
    """Where a meter writes its counters down; what is torn off takes nothing more."""

    def __init__(self) -> None:
        self.written = CounterPair(0, 1)
        self.is_torn = False
        self.times = 0

    def keep(self, pair: CounterPair) -> bool:
        if self.is_torn:
            return False
        self.written, self.times = pair, self.times + 1
        return True

    def start(self) -> SharedState:
        """The meter as it is after a start."""
        settings = SecuritySettings(KEYS, bytes(32), begin=self.written, keep=self.keep)
        return SharedState(Guards(PasswordLock(PASSWORD), MeterSecurity(settings, METER)))


def counters_of(talk: SecureTalk, requests: int) -> list[int]:
    """The invocation counters of the meter's answers."""
    found = []
    for _ in range(requests):
        sent = talk.ciphered(bytes.fromhex(GET_TIME))
        answer = bytes.fromhex(talk.say(b"\xc8" + bytes((len(sent),)) + sent, 1))
        assert answer[:1] == b"\xcc"
        at = 2 + (answer[1] & 0x7F if answer[1] & 0x80 else 0)
        found.append(int.from_bytes(answer[at + 1 : at + 5], "big"))
    return found


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3 * RESERVED)), min_size=2, max_size=5))
def test_no_answer_after_a_start_has_a_counter_of_before(lives: list[tuple[int, int]]) -> None:
    paper, seen = Paper(), list[int]()
    for requests, ahead in lives:
        state = paper.start()
        security = state.guards.security
        assert security is not None
        talk = associated(state, counter=security.counters.next_received + ahead)
        seen += counters_of(talk, requests + 1)
    assert sorted(set(seen)) == seen


def test_what_was_recorded_before_a_start_is_not_taken_after_it() -> None:
    paper = Paper()
    talk = associated(paper.start(), counter=40)
    sent = talk.ciphered(bytes.fromhex(GET_TIME))
    recorded = b"\xc8" + bytes((len(sent),)) + sent
    assert talk.say(recorded, 1)[:2] == "cc"
    again = associated(paper.start(), counter=paper.written.next_received)
    expected = again.security.counters.next_received
    assert again.say(recorded, 1) == f"d80106{expected:08x}"


def test_what_cannot_be_written_down_is_not_used() -> None:
    paper = Paper()
    talk = associated(paper.start())
    paper.is_torn = True
    talk.counter = 2 * RESERVED
    assert talk.serve(GET_TIME) == SPENT
    # The association is over, and the key opens none.
    assert talk.ask() == SPENT


def test_it_is_written_down_once_for_many() -> None:
    paper = Paper()
    counters_of(associated(paper.start()), 300)
    assert paper.times == 1
