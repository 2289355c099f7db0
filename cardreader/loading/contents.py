"""All that lies on a card, read in one session. Whoever reads it believes nothing of it yet."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from cardreader.card import records
from cardreader.files.content import Content
from cardreader.files.documents import Words
from cardreader.files.identity import CardIdentity, Pairing
from cardreader.files.inventory import Inventory
from cardreader.files.layout import (
    ANSWERS,
    ASKS,
    CARD,
    IN_ADF,
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
    Structure,
)
from cardreader.files.meter_state import StateWord
from cardreader.files.visits import Visit
from cardreader.host.session import HostSession
from cardreader.loading.memory import CardMemory
from protocols.errors import DocumentError

SLOTS: Final = (*STATEMENTS, *ORDERS, LEASE, *PARAMETERS, *ANSWERS)

C = TypeVar("C", bound=Content)


@dataclass(frozen=True, slots=True)
class CardContents:
    """A card as it was read.

    `documents`: the slots that hold something, whatever it is. `visits`: the newest first. `problems`: a line
    for each file that cannot be read; its value is then the empty one, or None. `raw`: the bytes of each file
    that holds something. `inventory`: what the card says of them; None: one of before, which says nothing.
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
    raw: Mapping[CardFile, bytes] = field(default_factory=dict)
    inventory: Inventory | None = None


def read_contents(session: HostSession, memory: CardMemory | None = None) -> CardContents:
    """Everything on the card; what `memory` knows already is not read again.

    Raises StatusError and CardGoneError as the session does.
    """
    if memory:
        told = session.fingerprint()
        known = None if told is None else memory.known(told.digest)
        if told is not None and known is not None:
            lengths = {file: len(content) for file, content in known.items()}
            return contents_of(known, Inventory(told.free_bytes, lengths))
    inventory = session.inventory()
    raw = read_files(session, inventory)
    if memory is not None and inventory is not None:
        memory.keep(raw)
    return contents_of(raw, inventory)


def read_files(session: HostSession, inventory: Inventory | None) -> dict[CardFile, bytes]:
    """The bytes of each file of the application that holds something. `inventory` None: look into all."""
    raw = dict[CardFile, bytes]()
    for file in IN_ADF if inventory is None else inventory.lengths:
        length = None if inventory is None else inventory.lengths[file]
        if file.structure is Structure.TRANSPARENT:
            content = session.read(file, length)
        else:
            content = records.join(session.records(file, length))
        if content:
            raw[file] = content
    return raw


def contents_of(raw: Mapping[CardFile, bytes], inventory: Inventory | None) -> CardContents:
    """What these files say."""
    problems = list[str]()

    def decoded(file: CardFile, kind: type[C], data: bytes) -> C | None:
        try:
            return kind.decode(data)
        except DocumentError as error:
            problems.append(f"{file.name}: {error}")
            return None

    def read(file: CardFile) -> bytes:
        return raw.get(file, b"")

    identity = decoded(CARD, CardIdentity, read(CARD))
    pairing = decoded(PAIRING, Pairing, read(PAIRING))
    state = decoded(STATE, StateWord, read(STATE))
    words = {file: decoded(file, Words, read(file)) or Words() for file in (REPORTS, ASKS, PROOFS)}
    visits = (decoded(LOG, Visit, record) for record in records.split(read(LOG)))
    return CardContents(
        identity,
        pairing,
        {slot: raw[slot] for slot in SLOTS if slot in raw},
        state or StateWord(),
        words[REPORTS],
        words[ASKS],
        words[PROOFS],
        tuple(visit for visit in visits if visit is not None),
        tuple(problems),
        raw,
        inventory,
    )
