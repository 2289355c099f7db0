"""The audit: every act of a person and every automatic act of the service, in a chain of hashes (design §6).

An entry is written in the same transaction as what it records: the store has both or neither. A changed,
deleted, inserted or moved entry breaks the chain from there on. Whoever has noted the head of the chain
elsewhere (`relance audit verify` prints it) also sees when the last entries are missing.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum, unique
from typing import Final

import msgspec
from msgspec import Struct
from sqlmodel import Session, col, select

from controller.database.damage import read_column
from controller.database.numbers import next_numbers
from controller.database.tables import AuditRow
from protocols import chain
from protocols.chain import GENESIS, Entry, Head
from protocols.errors import InputError
from protocols.limits import KEYS_MAX

# The actor of automatic acts.
SERVICE: Final = "service"
_KEY: Final = "key/"
_ENTRIES_AT_ONCE: Final = 1_000


@unique
class AuditAct(StrEnum):
    """Every kind of act that is recorded."""

    INIT = "init"
    PROPOSE = "propose"
    SIGN = "sign"
    APPROVE = "approve"
    WITHDRAW = "withdraw"
    SUPERSEDE = "supersede"
    EXPIRE = "expire"
    REVIVE = "revive"
    REACH = "reach"
    PAYMENT = "payment"
    REQUEST_PAYMENT = "request_payment"
    FIND_PAYMENT = "find_payment"
    ANSWER_PAYMENT = "answer_payment"
    MOVE_PAYMENT = "move_payment"
    VOID_PAYMENT = "void_payment"
    REFUSE_PAYMENT = "refuse_payment"
    ANSWER_SYNC = "answer_sync"
    LEASE_IMPOSSIBLE = "lease_impossible"
    ADMIT = "admit"
    ADMISSION = "admission"
    FIND_LOSS = "find_loss"
    IMPORT = "import"
    GROUP = "group"
    COMMISSION = "commission"
    MOVE_OUT = "move_out"
    LANGUAGE = "language"
    REACTIVATION = "reactivation"
    REPLACE = "replace"
    REMOVE = "remove"
    PURGE = "purge"
    KIOSK = "kiosk"
    KIOSK_LIMITS = "kiosk_limits"
    REVOKE_KIOSK = "revoke_kiosk"
    CARD_KEYS = "card_keys"
    DOUBT_PAYMENT = "doubt_payment"
    KIOSK_REFUND = "kiosk_refund"
    KIT = "kit"


class AuditedAct(Struct, frozen=True, kw_only=True):
    """Who did what to which subject, and when. `detail` holds what a reader needs and no other table has.

    `act` is an `AuditAct`. Read back it may be any text, so that a store of a later version can be read.
    """

    at_ms: int
    actor: str
    act: str
    subject: str
    detail: dict[str, str | int | None] = {}


class AuditEntry(Struct, frozen=True):
    """One entry of the audit, with its number."""

    number: int
    act: AuditedAct


_acts: msgspec.json.Decoder[AuditedAct] = msgspec.json.Decoder(AuditedAct)


def record(
    session: Session, at_ms: int, actor: str, act: AuditAct, subject: str, **detail: str | int | None
) -> None:
    """Append an act to the chain, in the caller's transaction.

    Raises InputError where somebody has damaged its end: what follows would hide that.
    """
    record_all(session, [AuditedAct(at_ms=at_ms, actor=actor, act=act, subject=subject, detail=detail)])


def record_all(session: Session, acts: Sequence[AuditedAct]) -> None:
    """Append acts, in their sequence. Raises InputError as `record`."""
    if not acts:
        return
    # Drawing the numbers first locks the counter until the commit, so no two entries follow the same head.
    numbers = next_numbers(session, "audit", len(acts))
    head = head_of(session)
    if head.number + 1 != numbers[0]:
        raise InputError(
            f"database: audit: its last entry is {head.number} in place of {numbers[0] - 1}: it is damaged, "
            "and nothing is done that could not be recorded; to go on, stop `relance serve`, put a copy of "
            "this database aside, and put back the last backup with which `relance audit verify` ends with 0 "
            "or names lost entries alone"
        )
    for act in acts:
        entry = chain.append(head, msgspec.json.encode(act))
        row = AuditRow(
            number=entry.number, previous_hash=entry.previous_hash, body=entry.body, hash=entry.hash
        )
        session.add(row)
        head = Head(entry.number, entry.hash)
    session.flush()


def head_of(session: Session) -> Head:
    """The number and hash of the last entry; GENESIS of an empty chain."""
    last = session.exec(select(AuditRow).order_by(col(AuditRow.number).desc()).limit(1)).first()
    return GENESIS if last is None else Head(last.number, last.hash)


def verify_audit(session: Session, to_head: Head | None = None) -> int | None:
    """The first number at which the audit is broken; None where it is intact.

    With `to_head`, a head that was noted elsewhere, the chain must also still hold that entry.
    """
    broken = chain.verify(_entries(session))
    if broken is not None or to_head is None or to_head == GENESIS:
        return broken
    row = session.get(AuditRow, to_head.number)
    return None if row is not None and row.hash == to_head.hash else to_head.number


def recent(
    session: Session, limit: int = 50, subject: str | None = None, before: int | None = None
) -> list[AuditEntry]:
    """The last acts, the latest first; only those on `subject`, and numbered below `before`, where given."""
    found: list[AuditEntry] = []
    query = select(AuditRow).order_by(col(AuditRow.number).desc())
    for row in session.exec(query if before is None else query.where(AuditRow.number < before)):
        act = read_column(_acts.decode, row.body, "audit", row.number, "body")
        if subject is None or act.subject == subject:
            found.append(AuditEntry(row.number, act))
        if len(found) >= limit:
            break
    return found


def recorded_ms(session: Session, number: int) -> int | None:
    """When the entry of this number was made; None where there is none."""
    row = session.get(AuditRow, number)
    return None if row is None else read_column(_acts.decode, row.body, "audit", number, "body").at_ms


def founded_keys(session: Session) -> dict[str, int]:
    """When each key of the founding was recorded, by keyid: the first entries of every audit."""
    rows = session.exec(select(AuditRow).order_by(col(AuditRow.number)).limit(KEYS_MAX))
    acts = [read_column(_acts.decode, row.body, "audit", row.number, "body") for row in rows]
    return {
        act.subject.removeprefix(_KEY): act.at_ms
        for act in acts
        if act.act == AuditAct.INIT and act.subject.startswith(_KEY)
    }


def _entries(session: Session) -> Iterator[Entry]:
    """All entries, read in batches: the audit of years does not fit into memory."""
    query = select(AuditRow).order_by(col(AuditRow.number)).limit(_ENTRIES_AT_ONCE)
    rows = session.exec(query).all()
    while rows:
        for row in rows:
            yield Entry(row.number, row.previous_hash, row.body, row.hash)
        rows = session.exec(query.where(AuditRow.number > rows[-1].number)).all()
