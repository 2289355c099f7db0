"""All that lies on a card, read in one session. Whoever reads it believes nothing of it yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from cardreader.files.content import Content
from cardreader.files.documents import Words
from cardreader.files.identity import CardIdentity, Pairing
from cardreader.files.layout import (
    ANSWERS,
    ASKS,
    CARD,
    LEASE,
    LOG,
    ORDERS,
    PAIRING,
    PARAMETERS,
    PROOFS,
    REPORTS,
    STATE,
    STATEMENTS,
    CardFile,
)
from cardreader.files.meter_state import StateWord
from cardreader.files.visits import Visit
from cardreader.host.session import HostSession
from protocols.errors import DocumentError

SLOTS: Final = (*STATEMENTS, *ORDERS, LEASE, *PARAMETERS, *ANSWERS)

C = TypeVar("C", bound=Content)


@dataclass(frozen=True, slots=True)
class CardContents:
    """A card as it was read.

    `documents`: the slots that hold something, whatever it is. `visits`: the newest first. `problems`: a line
    for each file that cannot be read; its value is then the empty one, or None.
    """

    identity: CardIdentity | None
    pairing: Pairing | None
    documents: Mapping[CardFile, bytes]
    state: StateWord
    reports: Words
    asks: Words
    proofs: Words
    visits: tuple[Visit, ...]
    problems: tuple[str, ...]


def read_contents(session: HostSession) -> CardContents:
    """Everything on the card. Raises StatusError and CardGoneError as the session does."""
    problems = list[str]()

    def decoded(file: CardFile, kind: type[C], data: bytes) -> C | None:
        try:
            return kind.decode(data)
        except DocumentError as error:
            problems.append(f"{file.name}: {error}")
            return None

    identity = decoded(CARD, CardIdentity, session.read(CARD))
    pairing = decoded(PAIRING, Pairing, session.read(PAIRING))
    documents = {slot: data for slot in SLOTS if (data := session.read(slot))}
    state = decoded(STATE, StateWord, session.read(STATE))
    words = {file: decoded(file, Words, session.read(file)) or Words() for file in (REPORTS, ASKS, PROOFS)}
    visits = (decoded(LOG, Visit, record) for record in session.records(LOG))
    return CardContents(
        identity,
        pairing,
        documents,
        state or StateWord(),
        words[REPORTS],
        words[ASKS],
        words[PROOFS],
        tuple(visit for visit in visits if visit is not None),
        tuple(problems),
    )
