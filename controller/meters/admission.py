"""Who is admitted: meters that prove who they are, or only those that a person has admitted (design §5).

Whoever names himself on the link and proves nothing waits in a bounded list, with counts, until a person
looks at it. With admission *closed* a meter that does prove who it is waits there too.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum, unique
from typing import Final

from msgspec import Struct
from sqlalchemy import delete
from sqlmodel import Session, col, func, select

from controller.database.bulk import Value, in_batches, upsert_counts
from controller.database.tables import LinkRow, MeterRow, QuarantineRow, SettingRow
from controller.meters.registry import NOT_HEARD, Spoke, known_meters, place_meters
from controller.meters.retired import retired_among
from controller.office import audit
from controller.office.audit import AuditAct, AuditedAct
from protocols.errors import InputError, RefusedError, quoted

# More than a person looks through. Whoever makes up names fills it, and no more.
QUARANTINE_MAX: Final = 1_000
# The row that counts the words of names for which there was no room.
_MORE: Final = ""
_SETTING: Final = "meters/admission"


@unique
class Admission(StrEnum):
    """`open`: a meter that proves who it is, is admitted. `closed`: only one that a person admits."""

    OPEN = "open"
    CLOSED = "closed"


@unique
class Waits(StrEnum):
    """Why a name waits: it proved nothing, admission is closed, or it was taken out of the fleet."""

    UNVERIFIED = "unverified"
    NOT_ADMITTED = "not_admitted"
    RETIRED = "retired"


class Waiting(Struct, frozen=True):
    """Messages of a name that waits: over which link, why, and how many."""

    link: str
    why: Waits
    count: int = 1


def admission_of(session: Session) -> Admission:
    """Whether admission is open, as it is in a new home."""
    row = session.get(SettingRow, _SETTING)
    return Admission.OPEN if row is None else Admission(row.value)


def set_admission(session: Session, wanted: Admission, by: str, now_ms: int) -> bool:
    """Open or close admission. False where it was so already."""
    if admission_of(session) is wanted:
        return False
    row = session.get(SettingRow, _SETTING) or SettingRow(name=_SETTING, value="")
    row.value = wanted.value
    session.add(row)
    audit.record(session, now_ms, by, AuditAct.ADMISSION, wanted.value)
    return True


def quarantine(session: Session, words: Mapping[str, Waiting], now_ms: int) -> None:
    """Put names (`meter/ID`, `link/ID`) that are not admitted into the list, or count them if it is full."""
    if not words:
        return
    there = set(session.exec(select(QuarantineRow.name).where(col(QuarantineRow.name).in_(list(words)))))
    room = QUARANTINE_MAX - session.exec(select(func.count()).select_from(QuarantineRow)).one()
    new = sorted(words.keys() - there)[: max(room, 0)]
    rows: list[tuple[Value, ...]] = [
        (name, words[name].link, words[name].why.value, words[name].count, now_ms, now_ms)
        for name in (*new, *sorted(there))
    ]
    more = sum(each.count for each in words.values()) - sum(words[str(row[0])].count for row in rows)
    if more:
        rows.append((_MORE, "", Waits.UNVERIFIED.value, more, now_ms, now_ms))
    upsert_counts(session, rows)


def admit(session: Session, meters: Collection[str], link: str | None, by: str, now_ms: int) -> list[str]:
    """Admit meters: at `link`, or where they were heard. Returns those that were not in the fleet before.

    Raises RefusedError for a meter that is not in quarantine where no link is given, or that was replaced.
    """
    back = _bring_back(session, meters, link, by, now_ms)
    new = sorted(set(meters) - known_meters(session, meters).keys())
    heard = _heard_at(session, new)
    spoke: dict[str, Spoke] = {}
    for meter in new:
        at = link or heard.get(meter)
        if at is None:
            raise RefusedError(f"meter {quoted(meter)}: is not in quarantine; --link says where it will be")
        spoke[meter] = Spoke(at, epoch=NOT_HEARD)
    audit.record_all(
        session,
        [
            AuditedAct(at_ms=now_ms, actor=by, act=AuditAct.ADMIT, subject=each, detail={"link": word.link})
            for each, word in spoke.items()
        ],
    )
    place_meters(session, {}, spoke, now_ms)
    for batch in in_batches([f"meter/{meter}" for meter in meters]):
        session.execute(delete(QuarantineRow).where(col(QuarantineRow.name).in_(batch)))
    return sorted((*new, *back))


def _heard_at(session: Session, meters: Collection[str]) -> dict[str, str]:
    """The link of each of these meters that waits in quarantine."""
    found: dict[str, str] = {}
    for batch in in_batches([f"meter/{meter}" for meter in meters]):
        rows = session.exec(select(QuarantineRow).where(col(QuarantineRow.name).in_(batch)))
        found |= {row.name.removeprefix("meter/"): row.link for row in rows}
    return found


def _bring_back(
    session: Session, meters: Collection[str], link: str | None, by: str, now_ms: int
) -> list[str]:
    """Admit those of these meters again that were taken out of the fleet; returns which."""
    retired = retired_among(session, meters)
    for name, row in sorted(retired.items()):
        if row.successor is not None:
            raise RefusedError(
                f"meter {quoted(name)}: was replaced by {row.successor}, to which its money went; "
                "allowed: the same device made anew, under another id"
            )
        meter = session.get_one(MeterRow, name)
        waits = session.get(QuarantineRow, f"meter/{name}")
        at = link or (meter.link if waits is None else waits.link)
        if session.get(LinkRow, at) is not None:
            meter.link = at
            session.add(meter)
        session.delete(row)
        told = {"link": meter.link, "worth_ueur": row.worth_ueur}
        audit.record(session, now_ms, by, AuditAct.ADMIT, name, **told)
    session.flush()
    return sorted(retired)


def read_admission(text: str) -> Admission:
    """What a person typed. Raises InputError."""
    try:
        return Admission(text)
    except ValueError:
        raise InputError(f"admission {quoted(text)}; allowed: {', '.join(Admission)}") from None


class QuarantineView(Struct, frozen=True, kw_only=True):
    """A name that waits; `name` empty: all that had no room in the list."""

    name: str
    link: str
    why: str
    count: int
    first_ms: int
    last_ms: int


def count_left_speaking(session: Session, since_ms: int) -> int:
    """How many meters that were taken out of the fleet have spoken after `since_ms`."""
    query = select(func.count()).select_from(QuarantineRow)
    spoke = QuarantineRow.why == Waits.RETIRED.value, QuarantineRow.last_ms > since_ms
    return session.exec(query.where(*spoke)).one()


def list_quarantine(session: Session) -> list[QuarantineView]:
    """All that wait, sorted by name; what had no room comes last."""
    rows = session.exec(select(QuarantineRow)).all()
    views = [
        QuarantineView(
            name=row.name,
            link=row.link,
            why=row.why,
            count=row.count,
            first_ms=row.first_ms,
            last_ms=row.last_ms,
        )
        for row in rows
    ]
    return sorted(views, key=lambda view: (not view.name, view.name))
