"""Draws a schedule from a seed: what people do in two days, and what goes wrong meanwhile."""

from collections.abc import Sequence
from typing import Final

from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from protocols.reasons import FlagName, Source
from tests.simulation import schedule as do
from tests.simulation.truth import Lots

_METERS: Final = (3, 8)
_FIRST_ACT_MS: Final = 10 * MINUTE_MS
_WEEK_MS: Final = 7 * DAY_MS
_CLIENTS: Final = ("relance-serve", "relance-timeserver", "relance-link-1", "relance-link-2")
_OFFSETS_MS: Final = (
    -400 * DAY_MS, -DAY_MS, -HOUR_MS, -MINUTE_MS, MINUTE_MS, HOUR_MS, DAY_MS, 60 * DAY_MS,
)  # fmt: skip

# In how many homes of a hundred no issuers are named: people sign statements there, as before.
_OF_BEFORE: Final = 15
# In how many runs of a hundred a copy of the store takes its place.
_RESTORED: Final = 15
# What one person's key can still do to money in such a home.
_MONEY: Final = frozenset({do.Theft.LAST_NUMBER, do.Theft.GREAT_SUM})


def draw(seed: int, *, worse: bool = False) -> do.Schedule:
    """The schedule of a seed: people, a network and machines that fail, wrong clocks, somebody hostile.

    `worse`: a store that is restored in every run.
    """
    issuers = not Lots(seed, "issuers").happens(_OF_BEFORE)
    thefts = tuple(deed for deed in do.Theft if issuers or deed not in _MONEY)
    lots = Lots(seed, "schedule")
    meters = [f"m{number:05d}" for number in range(1, lots.between(*_METERS) + 1)]
    acts = _Acts(lots, meters)
    events: list[do.Event] = [acts.draw() for _ in range(lots.between(5, 12))]
    # Among what a meter holds at most one source lies: all lies of a run have one.
    liar = lots.of((Source.HEADEND, Source.TIMESERVER))
    if worse:
        # The controller's wrong clock is its head-end's lie.
        liar = Source.HEADEND
        events += [each for _ in range(lots.between(1, 2)) for each in _copied(lots)]
    events += [_fault(lots, meters, liar) for _ in range(lots.between(3, 9))]
    events += [_hostile(lots, meters, liar, thefts) for _ in range(lots.below(5))]
    if issuers:
        events += _money(Lots(seed, "money"), meters)
    copies = Lots(seed, "copies")
    if copies.happens(_RESTORED):
        events += _copied(copies)
    if any(isinstance(each, do.MakeAnew) for each in events):
        # A meter made anew carries nothing over from an epoch that is closed.
        events = [each for each in events if not isinstance(each, do.NewEpoch)]
    if any(isinstance(each, do.ServiceClock) for each in events) or liar is not Source.HEADEND:
        # What a meter reports is a voice of the service's clock, of which at most one lies.
        events = [each for each in events if not isinstance(each, do.FarInstants)]
    return do.Schedule(seed=seed, meters=len(meters), events=_sorted(events), issuers=issuers)


def _sorted(events: list[do.Event]) -> tuple[do.Event, ...]:
    return tuple(sorted(events, key=lambda event: event.at_ms))


def _instant_ms(lots: Lots) -> int:
    """Some second of the days of faults; half of them in the hours in which cuts are possible."""
    if lots.happens(50):
        return lots.below(2) * DAY_MS + 7 * HOUR_MS + lots.below(9 * 3_600) * SECOND_MS
    return lots.between(_FIRST_ACT_MS, do.FAULTS_END_MS - HOUR_MS) // SECOND_MS * SECOND_MS


def _span_ms(lots: Lots, at_ms: int) -> int:
    """Some minutes, or some hours; over before the faults end."""
    longest_ms = do.FAULTS_END_MS - at_ms
    most_ms = lots.of((MINUTE_MS, HOUR_MS, 8 * HOUR_MS, DAY_MS))
    return max(SECOND_MS, min(lots.below(most_ms) + SECOND_MS, longest_ms))


class _Acts:
    """Acts of people; names are used again, so that revisions meet."""

    def __init__(self, lots: Lots, meters: list[str]) -> None:
        self._lots = lots
        self._meters = meters
        self._payments = 0

    def draw(self) -> do.Act:
        lots, at_ms = self._lots, _instant_ms(self._lots)
        meter = lots.of(self._meters)
        name = lots.of(("winter", "spring"))
        flag = lots.of(tuple(FlagName))
        match lots.below(14):
            case 0 | 1:
                from_ms = at_ms + lots.between(-12, 12) * HOUR_MS
                return do.Declare(name, from_ms, from_ms + lots.between(1, 40) * HOUR_MS, at_ms=at_ms)
            case 2:
                return do.Extend(name, at_ms + lots.between(1, 48) * HOUR_MS, at_ms=at_ms)
            case 3:
                return do.Lift(name, at_ms=at_ms)
            case 4:
                return do.Release(meter, at_ms=at_ms)
            case 5:
                return do.Release(at_ms=at_ms)
            case 6:
                return do.Flag(meter, flag, at_ms=at_ms)
            case 7:
                return do.ClearFlag(meter, flag, at_ms=at_ms)
            case 8 | 9:
                from_ms = lots.between(1, 2) * DAY_MS + 8 * HOUR_MS
                return do.Cut("arrears", meter, from_ms, from_ms + 7 * HOUR_MS, at_ms=at_ms)
            case 10:
                return do.CancelCut("arrears", meter, at_ms=at_ms)
            case _:
                again = self._payments and lots.happens(20)
                self._payments += not again
                return do.TopUp(f"pay-{self._payments}", meter, lots.between(1, 3_000), at_ms=at_ms)


def _fault(lots: Lots, meters: list[str], liar: Source) -> do.Event:
    at_ms = _instant_ms(lots)
    span_ms = _span_ms(lots, at_ms)
    match lots.below(13):
        case 0 | 1:
            return do.KillService(span_ms, at_ms=at_ms)
        case 2:
            return do.KillTimeserver(span_ms, at_ms=at_ms)
        case 3 | 4:
            torn = lots.below(2_000) if lots.happens(50) else None
            return do.KillFleet(min(span_ms, 3 * HOUR_MS), torn, at_ms=at_ms)
        case 5:
            return do.KillBroker(span_ms, lots.happens(50), at_ms=at_ms)
        case 6 | 7:
            return do.Partition(lots.of(_CLIENTS), span_ms, at_ms=at_ms)
        case 8:
            return do.Storm(span_ms, lots.below(60), lots.below(200), lots.below(60), at_ms=at_ms)
        case 9:
            return do.Slow(lots.of(_CLIENTS), span_ms, lots.between(100, 90_000), at_ms=at_ms)
        case 10:
            # What a broker refuses is tried again after an hour at most: that is over when all heals.
            until_ms = do.FAULTS_END_MS - 70 * MINUTE_MS
            return do.Deny(lots.of(meters), max(SECOND_MS, min(span_ms, until_ms - at_ms)), at_ms=at_ms)
        case 11:
            return do.Lie(liar, span_ms, lots.of(_OFFSETS_MS), at_ms=at_ms)
        case _:
            if lots.happens(50):
                return do.LoseTicks(lots.of(meters), at_ms=at_ms)
            return do.MainsDip(lots.of(meters), min(span_ms, HOUR_MS), at_ms=at_ms)


def _hostile(lots: Lots, meters: list[str], liar: Source, thefts: Sequence[do.Theft]) -> do.Event:
    """A wrong clock of people or of the service, a fleet made anew, or somebody who means harm."""
    at_ms = _instant_ms(lots)
    span_ms = _span_ms(lots, at_ms)
    match lots.below(9):
        case 0 | 1 if liar is Source.HEADEND:
            # The controller's wrong clock is its head-end's lie.
            return do.ServiceClock(span_ms, lots.of(_OFFSETS_MS), at_ms=at_ms)
        case 0 | 1 | 8:
            return do.ClerkClock(span_ms, lots.of(_OFFSETS_MS), at_ms=at_ms)
        case 2 | 3:
            return do.StolenKey(lots.of(thefts), at_ms=at_ms)
        case 4 | 5:
            link = lots.of(("link-1", "link-2"))
            return do.ForgingLink(lots.of(tuple(do.Forgery)), link, at_ms=at_ms)
        case 6:
            return do.FarInstants(lots.of(meters), at_ms=at_ms)
        case _:
            return do.MakeAnew(min(span_ms, 3 * HOUR_MS), lots.of(("", "link-1", "link-2")), at_ms=at_ms)


def _copied(lots: Lots) -> list[do.Event]:
    """A copy of the store, which later takes its place."""
    at_ms = _instant_ms(lots)
    return [do.BackUp(at_ms=at_ms), do.Restore(at_ms=at_ms + _span_ms(lots, at_ms))]


def _money(lots: Lots, meters: list[str]) -> list[do.Event]:
    """What is about money where issuers are named: great sums, a stolen key, new epochs."""
    events: list[do.Event] = []
    if lots.happens(30):
        at_ms = _instant_ms(lots)
        cents = lots.between(50_001, 90_000)
        events.append(do.TopUp("great", lots.of(meters), cents, at_ms=at_ms))
        if lots.happens(50):
            events.append(do.Countersign("great", at_ms=at_ms + lots.between(1, 60) * MINUTE_MS))
    thefts = lots.below(3) if lots.happens(50) else 0
    events += [
        do.StolenIssuer(lots.of(tuple(do.Counterfeit)), at_ms=_instant_ms(lots)) for _ in range(thefts)
    ]
    if lots.happens(20):
        events.append(do.Unpaid(lots.of(meters), lots.between(1, 80_000), at_ms=_instant_ms(lots)))
    if lots.happens(30):
        events.append(do.NewEpoch(at_ms=_instant_ms(lots)))
    return events
