"""Purges what is kept no longer, only while the service trusts its clock and this machine's agrees."""

from zoneinfo import ZoneInfo

from controller.database.engine import writing
from controller.office.opening import Office
from controller.office.people import Actor
from controller.privacy.limits_file import load_limits
from controller.privacy.purging import Doors, Over, Purged, as_of_ms, count_over, purge
from controller.privacy.rules import Limits
from controller.timing.comparing import Here
from controller.timing.views import ClockSeen, see_clock
from protocols.errors import RefusedError


def limits_of(office: Office) -> Limits:
    """The limits of a home. Raises InputError for a file that is wrong."""
    return load_limits(office.settings.privacy)


def plan_purge(office: Office, zone: ZoneInfo, here: Here) -> Purged:
    """What a purge would take now. Raises RefusedError as `purge_now`."""
    limits = limits_of(office)
    with office.reading() as session:
        check_clock(see_clock(session, here))
        as_of = as_of_ms(session, limits, here.now_ms)
        over: Over = count_over(session, limits, zone, as_of, here.now_ms)
    return Purged(as_of_ms=as_of, over=over, more=False)


def purge_now(office: Office, zone: ZoneInfo, actor: Actor, here: Here) -> Purged:
    """Take what is over. Raises RefusedError while nobody can say what time it is."""
    limits = limits_of(office)
    with office.reading() as session:
        check_clock(see_clock(session, here))
    doors = Doors(office.reading, lambda: writing(office.store))
    return purge(doors, limits, zone, actor.name, here.now_ms)


def check_clock(seen: ClockSeen) -> None:
    """Raises RefusedError unless the service trusts its clock, and this machine's agrees with it."""
    if seen.written is None:
        raise RefusedError(
            "purge: no service has said what time it is; allowed: once `relance serve` has run; "
            "`relance doctor` says more"
        )
    if seen.compared.forbids_harm:
        raise RefusedError(
            "purge: the service doubts its clock, or this machine's differs from it: nothing is taken by a "
            "date that may be wrong; `relance doctor` says more"
        )
