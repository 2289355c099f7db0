"""A meter leaves the fleet: nothing is sent to it, nothing waits for it; its ledger and its audit stay."""

from typing import Final

from msgspec import Struct
from sqlmodel import Session, col, select

from controller.connections.purses import account_of, purse_by
from controller.connections.requests import included_ueur
from controller.connections.rules import worth_ueur
from controller.database.lookup import existing
from controller.database.rows import view_of
from controller.database.tables import MeterRow, RetiredRow
from controller.meters.registry import NOT_HEARD
from controller.orders import ending
from controller.orders.acting import Act
from protocols.errors import RefusedError, quoted
from protocols.instants import HOUR_MS, MINUTE_MS

# Meters report at least once an hour. One that was silent for that long does not speak any more; what comes
# later was on its way.
SPEAKS_MS: Final = HOUR_MS


class RetiredView(Struct, frozen=True, kw_only=True):
    """A meter that was taken out of the fleet. `successor`: in its place; None: it was removed.

    `worth_ueur`: what of its purse was the household's, below 0 what it owed; None: not known. `said`: its
    display was read. `payment`: under which that sum was paid to the successor. `spoke`: it still spoke when
    it left, so that what is on its purse goes on being used there. `late_ueur`: what of it would
    be the household's by a report that came afterwards, at `late_ms`; None: none has come.
    """

    meter: str
    ean: str | None
    successor: str | None
    at_ms: int
    by: str
    basis: str
    worth_ueur: int | None
    said: bool
    payment: str | None
    spoke: bool
    late_ms: int | None
    late_ueur: int | None


def speaks(meter: MeterRow, now_ms: int) -> bool:
    """Whether a meter has spoken within the last hour. What comes once it has left changes nothing."""
    seen_ms = meter.last_seen_ms
    return seen_ms is not None and meter.epoch != NOT_HEARD and seen_ms > now_ms - SPEAKS_MS


def counts_as_speaking(act: Act, meter: MeterRow, *, still_speaks: bool) -> bool:
    """Whether it goes on using what is on its purse; where no clock can tell, what the person says counts."""
    return speaks(meter, act.now_ms) if act.knows_time else still_speaks


def check_silent(act: Act, meter: MeterRow, *, still_speaks: bool, taken_down: bool | None = None) -> None:
    """Raises RefusedError for a meter that has spoken within the last hour, unless that was said.

    By a clock that is ahead each meter has been silent: where nobody can say what time it is, a person says
    that it still speaks, or has read its display where it was taken down. `taken_down`: None: not asked.
    """
    if still_speaks:
        return
    if not act.knows_time:
        if not taken_down:
            shown = "" if taken_down is None else "with --balance-eur, as the display of the meter shows it, "
            raise RefusedError(
                f"meter {quoted(meter.id)}: may still speak: the service doubts its clock or does not run, "
                "or this machine's differs; allowed: once they agree (`relance doctor` says more), "
                f"{shown}or with --still-speaks"
            )
    elif speaks(meter, act.now_ms):
        minutes = max(act.now_ms - (meter.last_seen_ms or 0), 0) // MINUTE_MS
        raise RefusedError(
            f"meter {quoted(meter.id)}: still speaks, {minutes} min ago; "
            "allowed: once it was silent for an hour, or with --still-speaks"
        )


def retire(act: Act, row: RetiredRow) -> None:
    """Take a meter out of the fleet: its own orders end, its drafts are withdrawn, no delivery waits."""
    ending.end_for(act.session, row.meter, act.actor.name, act.now_ms, row.successor)
    act.session.add(row)
    act.session.flush()


def retired_view(session: Session, row: RetiredRow) -> RetiredView:
    """A row as a value that outlives its session."""
    late_ueur = None
    if row.late_ms is not None:
        account = account_of(row.late_account, row.meter)
        asked_ueur = included_ueur(session, row.meter)
        late_ueur = worth_ueur(purse_by(session, row.meter, row.late_balance_ueur, account, asked_ueur))
    # What a replaced meter held and nobody was paid stays there, as whoever replaced it has said.
    stays = row.successor is not None and row.payment is None and (row.worth_ueur or 0) > 0
    spoke = stays or speaks(existing(session, MeterRow, row.meter), row.at_ms)
    return view_of(row, RetiredView, said=bool(row.said), spoke=spoke, late_ueur=late_ueur)


def retired_of(session: Session, meter: str) -> RetiredView | None:
    """How a meter left the fleet; None where it is in it."""
    row = session.get(RetiredRow, meter)
    return None if row is None else retired_view(session, row)


def predecessor_of(session: Session, meter: str) -> RetiredView | None:
    """The meter that this one has replaced; None where there was none."""
    row = session.exec(select(RetiredRow).where(RetiredRow.successor == meter)).first()
    return None if row is None else retired_view(session, row)


def list_retired(session: Session) -> list[RetiredView]:
    """All meters that were taken out of the fleet, by id."""
    rows = session.exec(select(RetiredRow).order_by(col(RetiredRow.meter))).all()
    return [retired_view(session, row) for row in rows]


def line_of(session: Session, meter: str) -> tuple[list[str], list[str]]:
    """A meter and all that it has replaced, in sequence; and the payments that carried their worth."""
    meters, payments = [meter], []
    while (before := predecessor_of(session, meters[-1])) is not None and before.meter not in meters:
        meters.append(before.meter)
        payments += [] if before.payment is None else [before.payment]
    return meters, payments
