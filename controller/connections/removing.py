"""A meter is taken out of the fleet, and none comes in its place: what is on its purse is told as owed."""

from msgspec import Struct
from sqlmodel import Session, select

from controller.connections import terms
from controller.connections.purses import as_fields, purse_of
from controller.connections.requests import settle_asked
from controller.connections.retiring import RetiredView, check_silent, retire, retired_view
from controller.connections.rules import worth_ueur
from controller.database.lookup import existing
from controller.database.tables import HouseholdRow, MeterRow, RetiredRow
from controller.meters.behind import note_change
from controller.meters.retired import check_in_fleet
from controller.office import audit
from controller.office.audit import AuditAct
from controller.orders.acting import Act
from protocols.errors import InputError, RefusedError


class Removed(Struct, frozen=True, kw_only=True):
    """A removal. `new`: False where it was done before. `left`: orders for it alone, which have ended.

    `claimed_ueur`: what of its purse was to be paid back by a refund that has ended, as nobody had signed it.
    """

    retired: RetiredView
    new: bool
    left: tuple[str, ...] = ()
    claimed_ueur: int = 0


def remove_meter(act: Act, meter: str, *, still_speaks: bool = False) -> Removed:
    """Take a meter out of the fleet. Its connection stays in the file, without a meter.

    Raises RefusedError for a meter that is not known, was replaced, or still speaks; InputError without a
    basis.
    """
    session = act.session
    if not act.basis:
        raise InputError("--basis: allowed: why the meter is taken out, such as a work order")
    before = session.get(RetiredRow, meter)
    if before is not None and before.successor is None:
        return Removed(retired=retired_view(session, before), new=False)
    check_in_fleet(session, (meter,))
    household = session.exec(select(HouseholdRow).where(HouseholdRow.meter == meter)).first()
    # A meter without a name yet is named by the EAN, and is none.
    if household is not None and household.ean != meter and session.get(MeterRow, meter) is None:
        return _never_heard(act, household)
    row = existing(session, MeterRow, meter)
    check_silent(act, row, still_speaks=still_speaks)
    purse = purse_of(session, row, settle_asked(act, meter))
    retired = RetiredRow(
        meter=meter,
        ean=None if household is None else household.ean,
        at_ms=act.now_ms,
        by=act.actor.name,
        basis=act.basis,
        worth_ueur=worth_ueur(purse),
    )
    left = tuple(name for _, _, name in terms.left_of(session, meter))
    retire(act, retired)
    if household is not None:
        _free(session, household)
    told = {"worth_ueur": retired.worth_ueur, **as_fields(purse)}
    audit.record(session, act.now_ms, act.actor.name, AuditAct.REMOVE, meter, ean=retired.ean, **told)
    view = retired_view(session, retired)
    return Removed(retired=view, new=True, left=left, claimed_ueur=purse.claimed_ueur)


def _never_heard(act: Act, household: HouseholdRow) -> Removed:
    """Take a meter out that was put at a connection, or named by the file, and of which nobody ever heard.

    Nothing was ever ordered for it or paid to it, so it has no row of its own, and none that it has left.
    """
    meter = household.meter
    _free(act.session, household)
    at_ms, by, ean = act.now_ms, act.actor.name, household.ean
    audit.record(act.session, at_ms, by, AuditAct.REMOVE, meter, ean=ean, worth_ueur=None)
    view = RetiredView(
        meter=meter,
        ean=ean,
        successor=None,
        at_ms=at_ms,
        by=by,
        basis=act.basis,
        worth_ueur=None,
        said=False,
        payment=None,
        spoke=False,
        late_ms=None,
        late_ueur=None,
    )
    return Removed(retired=view, new=True)


def _free(session: Session, household: HouseholdRow) -> None:
    """The connection is without a meter: it has its own EAN in that place, as in a file that names none."""
    other = session.exec(select(HouseholdRow.ean).where(HouseholdRow.meter == household.ean)).first()
    if other not in {None, household.ean}:
        raise RefusedError(
            f"EAN {household.ean}: is the id of the meter at EAN {other}; allowed: another id there"
        )
    household.meter = household.ean
    session.add(household)
    note_change(session)
