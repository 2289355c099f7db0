"""What an arrival says, and which of its words their senders have proved. Pure (design §5).

A word is *authentic* with a right MAC of the meter or link that it names, over the link that it names. A word
with a wrong MAC is refused. One without a MAC, as an older firmware sends it, is *unverified*: it is shown,
and it decides nothing.
"""

from collections.abc import Callable
from enum import StrEnum, unique
from functools import partial
from typing import Final, TypeVar

from msgspec import Struct

from controller.exchange.key_book import KeyBook
from protocols.errors import DocumentError
from protocols.link.carriage import Arrival
from protocols.link.messages import (
    MeterEvent,
    MeterHolds,
    Reading,
    Receipt,
    Report,
    Reported,
    Status,
    is_authentic,
    read_holds,
    read_message,
    read_readings,
    read_report,
)
from protocols.link.proofs import Proof, Purpose
from protocols.link.topics import Channel, Place

# JSON writes the character NUL as this escape only. PostgreSQL stores no NUL, and no text of ours holds one.
_NUL: Final = b"\\u0000"
_REPORTS: Final[dict[Channel, type[Report]]] = {
    Channel.RECEIPTS: Receipt,
    Channel.REPORTED: Reported,
    Channel.EVENTS: MeterEvent,
}
S = TypeVar("S", MeterHolds, Reading)


@unique
class IntakeRefusal(StrEnum):
    """Why a message from a link, or a part of it, is not taken in.

    `not_authentic`: a MAC is wrong. `unverified`: there is none, and what it says would decide something.
    `other_document`: a receipt that has the id of one of our orders, and is of another document.
    `unknown_epoch`: a word of another life of the meter or link, without the nonce that shows it to be new.
    `no_room`: nobody has proved it, and too many such messages wait already.
    `not_admitted`: a meter that is not known, while only a person admits any.
    """

    MALFORMED = "malformed"
    NOT_AUTHENTIC = "not_authentic"
    UNVERIFIED = "unverified"
    WRONG_PLACE = "wrong_place"
    NOT_EXPECTED = "not_expected"
    OTHER_DOCUMENT = "other_document"
    UNKNOWN_EPOCH = "unknown_epoch"
    NO_ROOM = "no_room"
    NOT_ADMITTED = "not_admitted"


class HeardWords(Struct, frozen=True):
    """The words of one arrival. `forged`: whether a further word in it had a wrong MAC."""

    link: str
    authentic: tuple[Status | MeterHolds | Reading | Report, ...] = ()
    unverified: tuple[Status | MeterHolds | Reading, ...] = ()
    forged: bool = False


class HeardArrival(Arrival):
    """An arrival whose words have been heard, so that this is done once."""

    heard: HeardWords


def heard_before(arrival: Arrival, heard: HeardWords) -> HeardArrival:
    """The arrival together with its words."""
    found = HeardArrival(*arrival)
    found.heard = heard
    return found


def hear(arrival: Arrival, book: KeyBook) -> HeardWords | IntakeRefusal:
    """The words of an arrival, or why there are none."""
    if isinstance(arrival, HeardArrival):
        return arrival.heard
    place = arrival.place
    if _NUL in arrival.payload:
        return IntakeRefusal.MALFORMED
    try:
        match place.channel:
            case Channel.STATUS:
                return _hear_status(arrival, book)
            case Channel.SYNC:
                link, holds = read_holds(arrival.payload)
                return _sorted_by_proof(link, holds, place, book.prove_holds)
            case Channel.READINGS:
                link, readings = read_readings(arrival.payload)
                return _sorted_by_proof(link, readings, place, partial(_prove_reading, book))
            case Channel.RECEIPTS | Channel.REPORTED | Channel.EVENTS:
                return _hear_report(arrival, book)
            case _:
                return IntakeRefusal.NOT_EXPECTED
    except DocumentError:
        return IntakeRefusal.MALFORMED


def _hear_status(arrival: Arrival, book: KeyBook) -> HeardWords | IntakeRefusal:
    status, link = read_message(arrival.payload, Status), arrival.place.link
    if status.link != link:
        return IntakeRefusal.WRONG_PLACE
    match book.prove_status(arrival.payload, link):
        case Proof.AUTHENTIC:
            return HeardWords(link, (status,))
        case Proof.FORGED:
            return IntakeRefusal.NOT_AUTHENTIC
        case Proof.UNVERIFIED:
            return HeardWords(link, unverified=(status,))


def _sorted_by_proof(
    link: str, words: list[tuple[S, bytes]], place: Place, prove: Callable[[bytes, S, str], Proof]
) -> HeardWords | IntakeRefusal:
    if link != place.link:
        return IntakeRefusal.WRONG_PLACE
    found: dict[Proof, list[S]] = {proof: [] for proof in Proof}
    for said, word in words:
        found[prove(word, said, link)].append(said)
    return HeardWords(
        link, tuple(found[Proof.AUTHENTIC]), tuple(found[Proof.UNVERIFIED]), bool(found[Proof.FORGED])
    )


def _prove_reading(book: KeyBook, word: bytes, said: Reading, link: str) -> Proof:
    return book.prove_word(word, Purpose.READING, link, said.meter)


def _hear_report(arrival: Arrival, book: KeyBook) -> HeardWords | IntakeRefusal:
    report, body, mac = read_report(arrival.payload)
    place = arrival.place
    named = report.link if isinstance(report, Reported) else ""
    if report.meter != place.meter or not isinstance(report, _REPORTS[place.channel]):
        return IntakeRefusal.WRONG_PLACE
    if named not in {"", place.link}:
        # It was said over another link, and somebody has carried it here.
        return IntakeRefusal.WRONG_PLACE
    key = next((key for key in book.keys_of(report.meter) if is_authentic(body, mac, key)), None)
    if key is None:
        return IntakeRefusal.NOT_AUTHENTIC
    book.note_proof(report.meter, key)
    return HeardWords(place.link, (report,))
