"""Class 115: a document that is brought here, and what the status says of what became of it."""

from dataclasses import replace

import pytest

from emulator.faces.dlms.deeds import BringDocument
from emulator.faces.dlms.values import Datum, write_length
from emulator.faces.view import EnteredDocument
from protocols.instants import UtcMs
from protocols.limits import PAYLOAD_BYTES_MAX
from protocols.link.records import ClaimHeard, OrderJudged
from protocols.reasons import ClaimSource, ClaimVerdict, ClockStatus, Did, OrderVerdict, Refusal
from tests.emulator.faces.dlms.talking import ALL, VIEW, Talk, opened

GATEWAY = "0073 0000132800ff"


def order(verdict: OrderVerdict, reason: str) -> OrderJudged:
    return OrderJudged("", "release", "release/k", 1, verdict, reason)


def time(verdict: ClaimVerdict) -> ClaimHeard:
    return ClaimHeard(ClaimSource.HEADEND, verdict, 0, 0)


def gateway(verdict: OrderJudged | ClaimHeard | None) -> Talk:
    talk = opened(conformance=ALL)
    entered = EnteredDocument(b"doc", UtcMs(1_593_727_200_000), ClockStatus.DISPUTED, verdict)
    talk.view = replace(VIEW, entered=entered)
    return talk


def value(talk: Talk, attribute: int) -> Datum:
    found = talk.get(f"{GATEWAY} {attribute:02x} 00")
    assert isinstance(found, Datum)
    return found


def status(talk: Talk) -> int:
    code, data = value(talk, 6).items
    assert data.number == 0
    return code.number


STATUS = [
    (order(OrderVerdict.ACCEPTED, Did.RELEASED), 3),
    (order(OrderVerdict.ACCEPTED, Did.REPEATED), 3),
    # It waits for its issuer's allowance.
    (order(OrderVerdict.ACCEPTED, Did.OVER_LIMIT), 8),
    (order(OrderVerdict.REFUSED, Refusal.MALFORMED), 4),
    (order(OrderVerdict.REFUSED, Refusal.TOO_FEW_SIGNERS), 5),
    (order(OrderVerdict.REFUSED, Refusal.UNKNOWN_ISSUER), 5),
    (order(OrderVerdict.REFUSED, Refusal.NOT_ADDRESSED), 6),
    (order(OrderVerdict.REFUSED, Refusal.EXPIRED), 6),
    (order(OrderVerdict.REFUSED, Refusal.CLOCK_NOT_TRUSTED), 6),
    (order(OrderVerdict.REFUSED, Refusal.TOO_MANY), 7),
    (order(OrderVerdict.REFUSED, Refusal.UNSUPPORTED), 7),
    (time(ClaimVerdict.AGREES), 3),
    (time(ClaimVerdict.UNKNOWN_NONCE), 6),
    (time(ClaimVerdict.STALE_NUMBER), 6),
    (None, 8),
]


@pytest.mark.parametrize(("verdict", "code"), STATUS)
def test_the_status_says_what_became_of_it(verdict: OrderJudged | ClaimHeard | None, code: int) -> None:
    assert status(gateway(verdict)) == code


def test_every_refusal_has_a_status() -> None:
    codes = {status(gateway(order(OrderVerdict.REFUSED, each))) for each in Refusal}
    assert codes == {4, 5, 6, 7}


def test_what_came_and_when_and_why() -> None:
    talk = gateway(order(OrderVerdict.REFUSED, Refusal.EXPIRED))
    assert value(talk, 2).octets == b"doc"
    assert value(talk, 3).octets.hex() == "07e407030500000000ff8882"
    assert [each.octets for each in value(talk, 4).items] == [
        b"release",
        b"release/k",
        b"refused",
        b"expired",
    ]
    talk.view = VIEW
    assert (value(talk, 2).octets, value(talk, 4).items, status(talk)) == (b"", (), 0)
    assert value(talk, 3).octets == b"\xff" * 9 + b"\x80\x00\xff"


def test_a_document_of_any_length_that_a_meter_reads_is_brought_and_nothing_else() -> None:
    talk = opened(conformance=ALL)
    longest = bytes(PAYLOAD_BYTES_MAX)
    data = b"\x09" + write_length(len(longest)) + longest
    answer, blocks = "", [data[at : at + 900] for at in range(0, len(data), 900)]
    for number, part in enumerate(blocks, 1):
        head = f"c304c1 {GATEWAY} 01" if number == 1 else "c306c1"
        last = f"{number == len(blocks):02x}"
        answer = talk.say(f"{head} {last}{number:08x}{write_length(len(part)).hex()}{part.hex()}")
    assert answer == "c701c10000"
    assert talk.brought == [BringDocument(longest)]
    for other in ("0f00", "0a03616263", "00"):
        assert talk.say(f"c301c1 {GATEWAY} 01 01 {other}") == "c701c10c00"
    assert len(talk.brought) == 1
