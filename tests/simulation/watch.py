"""Watches every meter, and judges each cut at its instant by what is true (design §4.2).

It sees what a person at the meter would see: the contactor, the screen, and the verdicts on documents. Of the
meter's own reasoning it believes nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from emulator.firmware.credit import has_nothing_left
from emulator.firmware.effects import Effect, RecordEmitted, SetSupply
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.world.household import Household
from protocols.documents.bodies import CancelCutBody, CutCalendarBody, FlagBody, ReleaseBody, VoidBody
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import body_of
from protocols.instants import HOUR_MS, MINUTE_MS, SECOND_MS, iso_from_ms
from protocols.link.records import OrderJudged, WarningShown
from protocols.reasons import Did, FlagName, OrderVerdict, Refusal, Supply, SupplyReason
from tests.simulation.book import Book, Page, hold_covers
from tests.simulation.truth import Trace

# A meter counts with its crystal: 50 ppm, and a step of its main loop.
_PPM: Final = 100
_STEP_MS: Final = 2 * SECOND_MS
# A meter stores what it takes at once.
_IN_ONE_WRITE_MS: Final = SECOND_MS
# How long protection may take once everything works.
_ARRIVES_WITHIN_MS: Final = 30 * MINUTE_MS
_SAFETY: Final = (SupplyReason.SAFETY, SupplyReason.LEAK, SupplyReason.LEAK_TEST)

Broken = Callable[[str, str], None]


@dataclass(slots=True)
class Seen:
    """What was seen of one meter. `accepted`: documents with the instant at which it took each first.

    `made_ms`: when it was made anew, if ever; `before`, `credited_before_ueur`: what it had taken until then.
    """

    supply: Supply = Supply.ON
    warned_ms: dict[SupplyReason, int] = field(default_factory=dict)
    accepted: dict[int, tuple[Page, int]] = field(default_factory=dict)
    cuts: int = 0
    made_ms: int = 0
    before: dict[int, Page] = field(default_factory=dict)
    credited_before_ueur: int = 0
    last: list[int] = field(default_factory=list)

    def pages(self, *kinds: Kind) -> Iterator[tuple[Page, int]]:
        return ((page, at_ms) for page, at_ms in self.accepted.values() if page.order.kind in kinds)

    def has(self, page: Page) -> bool:
        return id(page) in self.accepted

    def took(self, page: Page) -> bool:
        """Whether it took this document, or a later one of the same kind and object."""
        return self.has(page) or any(
            other.order.object == page.order.object and other.order.rev > page.order.rev
            for other, _ in self.pages(page.order.kind)
        )


class Watch:
    """`see` is an observer of links. `broken` is told an invariant, and what broke it.

    `used_up` is told of a release that a meter refuses, since its number is used up.
    """

    def __init__(
        self, book: Book, trace: Trace, broken: Broken, used_up: Callable[[str, Page], None]
    ) -> None:
        self.meters: dict[str, Seen] = {}
        self.last_seen = ""
        self.healed_ms: int | None = None
        self._book = book
        self._trace = trace
        self._broken = broken
        self._used_up = used_up

    def of(self, meter: str) -> Seen:
        return self.meters.setdefault(meter, Seen())

    def see(self, household: Household[GuardedMeter], effects: tuple[Effect, ...]) -> None:
        """The effects of one meter, before they are performed."""
        seen, self.last_seen = self.of(household.id), household.id
        seen.last.clear()
        for effect in effects:
            at_ms = household.true_at(effect.at_tick)
            match effect:
                case SetSupply():
                    self._switched(household, seen, effect, at_ms)
                case RecordEmitted(record=WarningShown(cause=cause)):
                    seen.warned_ms[cause] = at_ms
                    self._trace.add(at_ms, f"{household.id} warns of a cut for {cause}")
                case RecordEmitted(record=OrderJudged() as record):
                    self._judged(household.id, seen, record, at_ms)
                case _:
                    continue

    def mains_failed(self, meter: str) -> None:
        """Nobody saw a screen: a warning begins again."""
        self.of(meter).warned_ms.clear()

    def made_anew(self, meter: str, credited_ueur: int, now_ms: int) -> None:
        """Another meter stands in the place of this one, and has taken nothing yet."""
        seen = self.of(meter)
        before = {**seen.before, **{each: page for each, (page, _) in seen.accepted.items()}}
        credited_ueur = max(credited_ueur, seen.credited_before_ueur)
        self.meters[meter] = Seen(
            cuts=seen.cuts, made_ms=now_ms, before=before, credited_before_ueur=credited_ueur
        )

    def power_cut(self, now_ms: int) -> None:
        """The write that was going on is lost, and with it what the meter had just taken."""
        seen = self.of(self.last_seen)
        for each in seen.last:
            # A write without news, such as a reading's, takes nothing away that was stored before.
            if each in seen.accepted and now_ms - seen.accepted[each][1] <= _IN_ONE_WRITE_MS:
                del seen.accepted[each]

    def _judged(self, meter: str, seen: Seen, record: OrderJudged, at_ms: int) -> None:
        self._trace.add(at_ms, f"{meter} {record.verdict} {record.order} {record.object} {record.reason}")
        page = self._book.judged(record.order, record.object, record.rev, meter)
        if record.verdict is not OrderVerdict.ACCEPTED:
            if record.reason == Refusal.STALE_NUMBER and page is not None and page.ours:
                self._used_up(meter, page)
            return
        if page is None:
            if record.order and record.kind in tuple(Kind):
                self._broken(
                    "signed", f"{meter} took {record.order} {record.object}, which too few have signed"
                )
            return
        # Another release under the number of one that it has: it was repeated, and not carried out.
        carried_out = record.kind != Kind.RELEASE or record.reason != Did.REPEATED
        if carried_out and not seen.has(page):
            seen.accepted[id(page)] = (page, at_ms)
            seen.last.append(id(page))

    def _switched(
        self, household: Household[GuardedMeter], seen: Seen, effect: SetSupply, at_ms: int
    ) -> None:
        before, seen.supply = seen.supply, effect.after
        self._trace.add(at_ms, f"{household.id} {effect.before} -> {effect.after}: {effect.reason}")
        if effect.after is Supply.ON:
            seen.warned_ms.clear()
        takes = effect.after is Supply.OFF or (effect.after is Supply.LIMITED and before is Supply.ON)
        if takes and effect.before is not Supply.ARMED and effect.reason not in _SAFETY:
            seen.cuts += 1
            for what in self._wrong(household, seen, effect, at_ms):
                text = f"{household.id} {effect.after} for {effect.reason} at {iso_from_ms(at_ms)}: {what}"
                self._broken("no wrong cut", text)
            seen.warned_ms.clear()

    # -- what truth permits ---------------------------------------------------------------------------

    def _wrong(
        self, household: Household[GuardedMeter], seen: Seen, effect: SetSupply, at_ms: int
    ) -> Iterator[str]:
        windows = [
            window
            for page, _ in seen.pages(Kind.CUT_CALENDAR)
            for window in body_of(page.order, CutCalendarBody).windows
        ]
        if not any(window.start_ms <= at_ms < window.end_ms for window in windows):
            yield "outside every window that two people have signed"
        # A later lease takes the place of an earlier one.
        leases = [page for page, _ in seen.pages(Kind.LEASE)][-1:]
        good = [page for page in leases if page.order.not_before_ms <= at_ms < page.order.not_after_ms]
        if not good:
            yield "no lease is good"
        yield from self.forbids(household.id, at_ms, at_ms + 1, good, to=effect.after, meter=household.meter)
        since_ms = [
            warned_ms
            for cause, warned_ms in seen.warned_ms.items()
            if cause is effect.reason or effect.reason is SupplyReason.LIMITER
        ]
        warning_ms = household.meter.profile.warning_s * SECOND_MS
        if not since_ms or at_ms - min(since_ms) < warning_ms - warning_ms * _PPM // 10**6 - _STEP_MS:
            yield "without a whole warning"
        yield from _unfounded(household.meter, seen, effect.reason, at_ms)

    def forbids(
        self,
        name: str,
        from_ms: int,
        until_ms: int,
        leases: list[Page],
        *,
        to: Supply,
        meter: GuardedMeter,
    ) -> Iterator[str]:
        """What truly forbids to take this meter's supply in `[from_ms, until_ms)`.

        That is protection which the meter has stored, or which the service knew as it signed the lease that
        permits the cut: without it the lease would not have been good. A while after all has healed it is
        whatever people have signed.
        """
        seen = self.of(name)
        healed = self.healed_ms is not None and from_ms >= self.healed_ms + _ARRIVES_WITHIN_MS
        for page in self._book.of(Kind.HOLD, Kind.SET_FLAG, Kind.RELEASE):
            if not page.addresses(name):
                continue
            taken = seen.accepted.get(id(page))
            named = bool(leases) and all(page.is_known_to(lease) for lease in leases)
            named = named or (healed and page.ours and not page.lost)
            if taken is None and not (named and page.at_ms < from_ms):
                continue
            if page.order.kind is Kind.RELEASE and not self._is_voided(page, until_ms):
                hours_ms = body_of(page.order, ReleaseBody).hours * HOUR_MS
                since_ms = page.at_ms if taken is None else taken[1]
                if from_ms >= since_ms + hours_ms - hours_ms * _PPM // 10**6:
                    continue
            elif self._is_undone(page, until_ms):
                continue
            elif page.order.kind is Kind.HOLD:
                if not hold_covers(page, from_ms, until_ms):
                    continue
            elif not _flag_forbids(page, to, meter):
                continue
            yield f"{page.order.object} of {iso_from_ms(page.at_ms)} stands"

    def _is_undone(self, page: Page, at_ms: int) -> bool:
        """Whether two people have lifted or cleared it, later than it was signed, or voided its key."""
        if self._is_voided(page, at_ms):
            return True
        undone = self._book.of(Kind.LIFT_HOLD, Kind.SHORTEN_HOLD, Kind.CLEAR_FLAG)
        return any(
            each.order.object == page.order.object
            and (each.order.scope.fleet or each.order.scope == page.order.scope)
            and page.at_ms <= each.at_ms < at_ms
            # What one stolen key signed is undone by two people, however high it has climbed.
            and (not page.ours or each.order.rev > page.order.rev)
            for each in undone
        )

    def _is_voided(self, page: Page, at_ms: int) -> bool:
        """Whether two people have voided each key that has signed it, whenever it was signed."""
        voids = [each for each in self._book.of(Kind.VOID) if each.at_ms < at_ms]
        gone = {body_of(each.order, VoidBody).key for each in voids}
        return page.keyids <= gone


def _flag_forbids(page: Page, to: Supply, meter: GuardedMeter) -> bool:
    name = body_of(page.order, FlagBody).name
    return name is not FlagName.PROTECTED or (to is Supply.OFF and meter.profile.has_limiter)


def _unfounded(meter: GuardedMeter, seen: Seen, reason: SupplyReason, at_ms: int) -> Iterator[str]:
    """Whether the cause of a cut is none."""
    if reason is SupplyReason.CREDIT and not has_nothing_left(meter.point.credit):
        yield "there is credit left"
    if reason is SupplyReason.CUT_ORDER:
        cancelled = {body_of(page.order, CancelCutBody).cut for page, _ in seen.pages(Kind.CANCEL_CUT)}
        orders = [page.order for page, _ in seen.pages(Kind.CUT_ORDER)]
        good = [each for each in orders if each.not_before_ms <= at_ms < each.not_after_ms]
        if not any(each.object not in cancelled for each in good):
            yield "no order permits it"
