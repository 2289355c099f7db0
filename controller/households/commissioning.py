"""A meter is put at a connection: from then on it is the household's, and orders go to it."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from controller.database.bulk import in_batches
from controller.database.engine import writing
from controller.database.tables import HouseholdRow, MeterRow
from controller.meters.admission import Admission, admission_of, admit
from controller.meters.behind import note_change
from controller.meters.registry import NOT_HEARD, known_meters
from controller.meters.retired import check_in_fleet, retired_among
from controller.office import audit
from controller.office.audit import AuditAct, AuditedAct
from controller.office.keys import write_secret
from controller.office.people import Actor
from protocols.errors import RefusedError, quoted
from protocols.link.keys import ask_key, asks_key, meter_key
from protocols.reasons import Source

# The time authorities that a meter asks; what it asks each of them has a MAC under a key of its own.
_ASKED: Final = (Source.HEADEND, Source.TIMESERVER)


class Commissioned(Struct, frozen=True, kw_only=True):
    """A meter at a connection. `link`: where it is admitted; None: it is admitted when it first speaks.

    `new`: False where all of it was so before.
    """

    meter: str
    ean: str
    link: str | None
    new: bool


class MeterPlace(Struct, frozen=True):
    """Which meter is to be at which connection. `link`: None: where the file says."""

    meter: str
    ean: str
    link: str | None = None


class MeterSecrets(Struct, frozen=True, kw_only=True):
    """What a meter is given at manufacture: its id, its own keys as hex digits, and the root.

    `asks`: its keys for the asks to each time authority. `root`: the sealed document of `relance init`.
    """

    meter: str
    ean: str
    key: str
    asks: dict[Source, str]
    root: msgspec.Raw


class SecretFile(Struct, frozen=True, kw_only=True):
    """Where the file goes, and what it is made of."""

    path: Path
    fleet_key: bytes
    root: bytes


def secrets_of(fleet_key: bytes, meter: str, ean: str, root: bytes) -> bytes:
    """The file that goes into a meter, as JSON. Whoever reads it can speak for this meter, and no other."""
    asks = {each: ask_key(asks_key(fleet_key, each), meter).hex() for each in _ASKED}
    key = meter_key(fleet_key, meter).hex()
    made = MeterSecrets(meter=meter, ean=ean, key=key, asks=asks, root=msgspec.Raw(root))
    return msgspec.json.encode(made) + b"\n"


def write_secrets(out: SecretFile | None, meter: str, ean: str) -> None:
    """Write what goes into a meter, where somebody wants it. Raises InputError as `write_secret`."""
    if out is not None:
        write_secret(out.path, secrets_of(out.fleet_key, meter, ean, out.root))


def commission(
    store: Engine,
    meter: str,
    ean: str,
    link: str | None,
    actor: Actor,
    now_ms: int,
    *,
    out: SecretFile | None = None,
) -> Commissioned:
    """Put a meter at a connection and admit it, in one transaction; `out`: also write what goes into it.

    Raises as `commission_in`.
    """
    with writing(store) as session:
        return commission_in(session, meter, ean, link, actor, now_ms, out=out)


def commission_in(
    session: Session,
    meter: str,
    ean: str,
    link: str | None,
    actor: Actor,
    now_ms: int,
    *,
    out: SecretFile | None = None,
) -> Commissioned:
    """As `commission`, in a transaction that is open.

    Raises RefusedError for a connection that no file names, one whose meter is another that has spoken, a
    meter that is elsewhere, or one without a link while admission is closed; InputError as `write_secret`.
    """
    row = household_of(session, ean)
    check_in_fleet(session, (meter,))
    _check_free(session, row, meter)
    before = session.get(MeterRow, meter)
    new = row.meter != meter or before is None
    row.meter = meter
    session.add(row)
    at = link or row.link
    if before is not None:
        at = before.link
    elif at is not None:
        admit(session, (meter,), at, actor.name, now_ms)
    elif admission_of(session) is Admission.CLOSED:
        raise RefusedError(f"meter {quoted(meter)}: admission is closed; --link says where it will be")
    if new:
        note_change(session)
    if new or out is not None:
        # Also where nothing is new: somebody has a copy of the meter's keys from now on.
        keys = 0 if out is None else 1
        audit.record(
            session, now_ms, actor.name, AuditAct.COMMISSION, meter, ean=ean, link=at, keys_written=keys
        )
    write_secrets(out, meter, ean)
    return Commissioned(meter=meter, ean=ean, link=at, new=new)


def commission_plainly(
    session: Session, wanted: Sequence[MeterPlace], actor: Actor, now_ms: int
) -> list[Commissioned] | None:
    """Put meters at connections with some statements for all; None: one of them must be looked at by itself.

    Then nothing has changed. So it is for whatever `commission_in` would refuse, and for a connection that
    has had another meter.
    """
    rows = _households(session, [each.ean for each in wanted])
    meters = [each.meter for each in wanted]
    if len(rows) < len(wanted) or len(set(meters)) < len(wanted) or retired_among(session, meters):
        return None
    known = known_meters(session, {*meters, *(row.meter for row in rows.values())})
    closed = admission_of(session) is Admission.CLOSED
    found: list[Commissioned] = []
    for each in wanted:
        row, before = rows[each.ean], known.get(each.meter)
        at = before.link if before is not None else each.link or row.link
        if (row.meter != each.meter and row.meter in known) or (at is None and closed):
            return None
        new = row.meter != each.meter or before is None
        found.append(Commissioned(meter=each.meter, ean=each.ean, link=at, new=new))
    if _are_elsewhere(session, wanted):
        return None
    _put(session, [each for each in found if each.new], rows, known, actor, now_ms)
    return found


def _put(
    session: Session,
    made: Sequence[Commissioned],
    rows: Mapping[str, HouseholdRow],
    known: Collection[str],
    actor: Actor,
    now_ms: int,
) -> None:
    if not made:
        return
    at_links: dict[str, list[str]] = {}
    for each in made:
        rows[each.ean].meter = each.meter
        session.add(rows[each.ean])
        if each.link is not None and each.meter not in known:
            at_links.setdefault(each.link, []).append(each.meter)
    for link, meters in at_links.items():
        admit(session, meters, link, actor.name, now_ms)
    note_change(session)
    acts = [
        AuditedAct(
            at_ms=now_ms,
            actor=actor.name,
            act=AuditAct.COMMISSION,
            subject=each.meter,
            detail={"ean": each.ean, "link": each.link, "keys_written": 0},
        )
        for each in made
    ]
    audit.record_all(session, acts)


def _households(session: Session, eans: Collection[str]) -> dict[str, HouseholdRow]:
    found: dict[str, HouseholdRow] = {}
    for batch in in_batches(eans):
        rows = session.exec(select(HouseholdRow).where(col(HouseholdRow.ean).in_(batch)))
        found |= {row.ean: row for row in rows}
    return found


def _are_elsewhere(session: Session, wanted: Sequence[MeterPlace]) -> bool:
    """Whether one of these meters is at another connection than is wanted."""
    eans = {each.meter: each.ean for each in wanted}
    for batch in in_batches(eans):
        rows = session.exec(select(HouseholdRow).where(col(HouseholdRow.meter).in_(batch)))
        if any(eans[row.meter] != row.ean for row in rows):
            return True
    return False


def household_of(session: Session, ean: str) -> HouseholdRow:
    """The household at a connection. Raises RefusedError where no file names it."""
    row = session.get(HouseholdRow, ean)
    if row is None:
        raise RefusedError(f"EAN {ean}: no household is known; `relance meters import` names it")
    return row


def check_elsewhere(session: Session, ean: str, meter: str) -> None:
    """Raises RefusedError for a meter that is at another connection."""
    elsewhere = session.exec(select(HouseholdRow.ean).where(HouseholdRow.meter == meter)).first()
    if elsewhere not in {None, ean}:
        raise RefusedError(f"meter {quoted(meter)}: is at EAN {elsewhere}; allowed: one connection")


def _check_free(session: Session, row: HouseholdRow, meter: str) -> None:
    check_elsewhere(session, row.ean, meter)
    there = session.get(MeterRow, row.meter)
    if row.meter == meter or there is None or retired_among(session, (row.meter,)):
        return
    if there.epoch == NOT_HEARD:
        raise RefusedError(
            f"EAN {row.ean}: has meter {row.meter}, which was put there and has not spoken yet; "
            f"if that was a wrong id, `relance meters remove {row.meter} --basis TEXT` takes it out first"
        )
    raise RefusedError(
        f"EAN {row.ean}: has meter {row.meter}, which is known to speak; "
        f"`relance meters replace {row.meter} {meter}` puts another one in its place"
    )
