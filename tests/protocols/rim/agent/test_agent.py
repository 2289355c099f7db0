"""An agent signs documents that it can name, for one account, until its time is over. It hands out no key."""

import copy
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.documents import drafting
from protocols.documents.envelope import Signer, decode_pae, encode_pae, read_envelope, seal, valid_keyids
from protocols.documents.orders import ORDER_TYPE, TIME_TYPE, Order, Scope, write_document
from protocols.documents.roles import ROOT_TYPE, write_root
from protocols.errors import DocumentError, InputError, RefusedError, UnreachableError
from protocols.instants import DAY_MS, HOUR_MS
from protocols.rim.agent.asking import AgentKey, ask_agent
from protocols.rim.agent.messages import AgentAnswer, AgentAsk, Wish, write_line
from protocols.rim.agent.place import agent_socket, make_place
from protocols.rim.agent.rules import Signable, check_for_cards, signable
from protocols.rim.agent.serving import Agent, listening, only_agent, serve_agent
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, ROOT, SIGNERS

ANNA = SIGNERS["anna"]
SHEET = drafting.Sheet(id="o000007", rev=1, now_ms=MONDAY_MS, basis="")
ORDER = write_document(drafting.declare_moratorium(SHEET, "mora", MONDAY_MS, MONDAY_MS + DAY_MS))
PAE = encode_pae(ORDER_TYPE, ORDER)


class Shift:
    """An agent of anna's, and a boot's clock that is stepped."""

    def __init__(self, length_ms: int = 8 * HOUR_MS) -> None:
        self.tick_ms = 5_000_000
        self.told: list[str] = []
        self.agent = Agent("anna", ANNA, length_ms, lambda: self.tick_ms, self._note)

    def sign(self, data: bytes) -> AgentAnswer:
        return self.agent.answer(AgentAsk(Wish.SIGN, data))

    def _note(self, what: Signable) -> None:
        self.told.append(what.name)


@contextmanager
def served(shift: Shift, path: Path) -> Iterator[threading.Thread]:
    """The agent as it serves, in a thread of its own."""
    with only_agent(path, "relance"), listening(path) as server:
        thread = threading.Thread(target=serve_agent, args=(shift.agent, server, lambda: False))
        thread.start()
        try:
            yield thread
        finally:
            shift.agent.closed = True
            thread.join(timeout=20)
            assert not thread.is_alive()


@given(st.text(max_size=40), st.binary(max_size=60))
def test_what_is_signed_reads_back_as_type_and_payload(payload_type: str, payload: bytes) -> None:
    assert decode_pae(encode_pae(payload_type, payload)) == (payload_type, payload)


@given(
    st.binary(max_size=60) | st.just(PAE[:-1]) | st.just(PAE + b" ") | st.just(PAE.replace(b" 34 ", b" 034 "))
)
def test_anything_else_is_no_document(data: bytes) -> None:
    with pytest.raises(DocumentError):
        decode_pae(data)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (PAE, "order o000007"),
        (encode_pae(ROOT_TYPE, write_root(ROOT)), "root 1"),
        (b"hold/mora 1594000000000", "a number for hold/mora"),
    ],
)
def test_it_signs_what_it_can_name_and_says_so(data: bytes, name: str) -> None:
    shift = Shift()
    answer = shift.sign(data)
    ANNA.private.public_key().verify(answer.signature, data)
    assert (shift.told, answer.signed, answer.refused) == ([name], 1, "")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"anything",
        b"hold/mora 1594000000000\n",
        b"DSSEv1 1 a 0 ",
        PAE + b"x",
        encode_pae(ORDER_TYPE, b"{}"),
        encode_pae(ORDER_TYPE, ORDER[:-1]),
        encode_pae(TIME_TYPE, b'{"time_ms":0}'),
        encode_pae("application/vnd.relance.key-request+json", b"{}"),
        bytes(range(256)),
    ],
)
def test_it_signs_nothing_else(data: bytes) -> None:
    shift = Shift()
    answer = shift.sign(data)
    assert (answer.signature, shift.told, shift.agent.signed) == (b"", [], 0)
    assert answer.refused.startswith("the agent signs ")
    with pytest.raises(RefusedError):
        signable(data)


@given(st.integers(1, 24 * HOUR_MS), st.integers(0, 48 * HOUR_MS))
def test_its_time_ends_by_the_count_since_the_boot(length_ms: int, later_ms: int) -> None:
    """Which goes on while the machine sleeps. No wall clock is asked: nobody makes a shift longer."""
    shift = Shift(length_ms)
    shift.tick_ms += later_ms
    answer = shift.sign(PAE)
    assert bool(answer.signature) == (later_ms < length_ms)
    assert answer.left_ms == max(0, length_ms - later_ms)
    assert answer.refused == ("" if later_ms < length_ms else "its time is over")


def test_it_signs_nothing_once_its_shift_is_over() -> None:
    ended: list[str] = []
    agent = Agent("anna", ANNA, HOUR_MS, lambda: 0, lambda _what: None, lambda: "".join(ended))
    assert agent.answer(AgentAsk(Wish.SIGN, PAE)).signature
    ended.append("its shift has ended")
    answer = agent.answer(AgentAsk(Wish.SIGN, PAE))
    assert (answer.signature, answer.refused, answer.left_ms) == (b"", "its shift has ended", 0)


def test_at_a_kiosk_it_signs_what_is_for_one_card_and_nothing_else() -> None:
    told = list[str]()
    agent = Agent(
        "anna", ANNA, HOUR_MS, lambda: 0, lambda what: told.append(what.name), check=check_for_cards
    )

    def is_signed(data: bytes) -> bool:
        return bool(agent.answer(AgentAsk(Wish.SIGN, data)).signature)

    def order(made: Order) -> bytes:
        return encode_pae(ORDER_TYPE, write_document(made))

    one, two = Scope(meters=("m1",)), Scope(meters=("m1", "m2"))
    assert is_signed(order(drafting.release(SHEET, ANNA.keyid, 72, one)))
    assert is_signed(order(drafting.cancel_cut(SHEET, "c1", ("m1",))))
    assert told == ["order o000007"] * 2
    for refused in (
        PAE,
        encode_pae(ROOT_TYPE, write_root(ROOT)),
        b"hold/mora 1594000000000",
        order(drafting.release(SHEET, ANNA.keyid, 72, two)),
        order(drafting.release(SHEET, ANNA.keyid, 72, Scope(fleet=True))),
        order(drafting.cancel_cut(SHEET, "c1", ("m1", "m2"))),
    ):
        assert not is_signed(refused)
    assert "of one meter each; not order o000007" in agent.answer(AgentAsk(Wish.SIGN, PAE)).refused
    assert (len(told), agent.signed) == (2, 2)


def test_no_signature_goes_out_that_the_log_does_not_have(tmp_path: Path) -> None:
    """The disk of its log is full: it ends, and the command is told that it has gone."""
    path = tmp_path / "relance" / "agent.sock"
    shift = Shift()
    with only_agent(path, "relance"), listening(path) as server:
        ended: list[str] = []

        def serve() -> None:
            try:
                serve_agent(shift.agent, server, lambda: False)
            except OSError as error:
                ended.append(str(error))

        with mock.patch.object(shift.agent, "_tell", side_effect=OSError("disk full")):
            thread = threading.Thread(target=serve)
            thread.start()
            answer = ask_agent(path, AgentAsk(Wish.SIGN, PAE))
            thread.join(timeout=20)
    assert (answer, ended, shift.agent.signed) == (None, ["disk full"], 0)


def test_a_token_that_was_pulled_out_is_said_and_ends_no_agent() -> None:
    shift = Shift()
    gone = mock.Mock(**{"private.sign.side_effect": UnreachableError("token office: DeviceRemoved")})
    gone.keyid = ANNA.keyid
    with mock.patch.object(shift.agent, "_signer", gone):
        answer = shift.sign(PAE)
    assert (answer.refused, answer.signature, answer.signed) == ("token office: DeviceRemoved", b"", 0)
    assert shift.sign(PAE).signature


def test_a_command_signs_through_it_as_if_the_key_were_here(tmp_path: Path) -> None:
    path = agent_socket({"XDG_RUNTIME_DIR": str(tmp_path)}, tmp_path / "home")
    shift = Shift()
    remote = Signer(AgentKey(path, ANNA.public))
    assert (remote.keyid, remote.public) == (ANNA.keyid, ANNA.public)
    with served(shift, path):
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
        envelope = read_envelope(seal(ORDER, ORDER_TYPE, [remote]))
        assert valid_keyids(envelope, {ANNA.keyid: ANNA.public}) == {ANNA.keyid}
        with pytest.raises(RefusedError, match="anna's agent: the agent signs orders"):
            remote.private.sign(encode_pae(TIME_TYPE, b"{}"))
        with pytest.raises(RefusedError, match="holds another key now"):
            Signer(AgentKey(path, SIGNERS["bert"].public)).private.sign(PAE)
        closed = ask_agent(path, AgentAsk(Wish.CLOSE))
        assert closed is not None
    assert not path.exists()
    with pytest.raises(UnreachableError, match="the agent was closed meanwhile"):
        remote.private.sign(PAE)


def test_nobody_gets_the_key(tmp_path: Path) -> None:
    key = AgentKey(tmp_path / "agent.sock", ANNA.public)
    with pytest.raises(TypeError, match="hands out no key"):
        key.private_bytes_raw()
    with pytest.raises(TypeError, match="hands out no key"):
        key.private_bytes()
    assert copy.deepcopy(key) is key
    secret = ANNA.private.private_bytes_raw()
    shift = Shift()
    for wish in Wish:
        said = write_line(shift.agent.answer(AgentAsk(wish, PAE)))
        assert secret not in said
        assert secret.hex().encode() not in said


def test_an_account_has_one_agent_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "relance" / "agent.sock"
    with served(Shift(), path):
        with pytest.raises(
            RefusedError, match="an agent is open at this account, which speaks for one person"
        ):
            only_agent(path, "relance").__enter__()
        answer = ask_agent(path, AgentAsk(Wish.STATUS))
        assert answer is not None
        assert answer.holder == "anna"
    path.write_bytes(b"left by an agent that was killed")
    with served(Shift(), path):
        assert ask_agent(path, AgentAsk(Wish.STATUS)) is not None


def test_another_account_gets_no_answer_and_gives_none(tmp_path: Path) -> None:
    path = tmp_path / "relance" / "agent.sock"
    shift = Shift()
    with served(shift, path):
        with (
            mock.patch("protocols.rim.agent.serving.peer_uid", return_value=65_534),
            suppress(UnreachableError),  # it may hang up before the wish is said
        ):
            assert ask_agent(path, AgentAsk(Wish.SIGN, PAE)) is None
        assert shift.agent.signed == 0
        with (
            mock.patch("protocols.rim.agent.asking.peer_uid", return_value=65_534),
            pytest.raises(UnreachableError, match="another account listens there"),
        ):
            ask_agent(path, AgentAsk(Wish.SIGN, PAE))
        assert ask_agent(path, AgentAsk(Wish.STATUS)) is not None


@pytest.mark.parametrize("said", [b"", b"\n", b"{}\n", b"\xff" * 40_000, b'{"wish":"give"}\n'])
def test_who_says_nonsense_is_left_and_the_next_one_is_heard(tmp_path: Path, said: bytes) -> None:
    path = tmp_path / "relance" / "agent.sock"
    with served(Shift(), path):
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.connect(str(path))
            stranger.sendall(said)
        assert ask_agent(path, AgentAsk(Wish.STATUS)) is not None


def test_a_folder_that_others_can_write_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "relance"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    with pytest.raises(InputError, match="others may get at it; allowed: a folder of yours with mode 700"):
        make_place(folder / "agent.sock")


def test_without_a_runtime_folder_it_listens_in_the_home(tmp_path: Path) -> None:
    for environment in ({}, {"XDG_RUNTIME_DIR": ""}, {"XDG_RUNTIME_DIR": "relative"}):
        assert agent_socket(environment, tmp_path).parent == tmp_path / "agent"
