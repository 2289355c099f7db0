"""Documents that a meter must not obey: misaddressed, out of their dates, signed by the wrong people, old.

Each story brings a spoilt document and looks that nothing came of it; then the sound one, of the same
revision, and looks that it is obeyed. So what was refused used nothing up, and the flaw alone is asked about.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec.structs import replace

from hil.capabilities import Authorities, Console, Documents, Load, Orders, Person, SupplySensor
from hil.stories.drafts import an_order, bring_sound, is_given_back, people_for, permit_until
from hil.stories.plans import at, cents, tell_time
from hil.stories.stage import StoryBench
from hil.stories.story import BenchStory, story
from hil.stories.strategy import BenchState, reach
from protocols.documents.bodies import Body, CutOrderBody, PaymentBody, ReleaseBody, TariffBody
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Order, Scope
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS
from protocols.spans import Window
from protocols.units import UEUR_PER_EUR

_NEEDS: Final = (Authorities, Console, Documents, Load, Orders, Person, SupplySensor)
_PAID_EUR: Final = 20
_CENTS: Final = 100
_DEAR_UEUR_PER_KWH: Final = 2_000_000
_HOURS: Final = 24
# The people who sign releases and payments; those who sign harm sign none.
_PROTECTING: Final = ("anna", "bert")
_STRANGERS: Final = ("nobody", "no-one")


# ---------------------------------------------------------------- what a document does


@dataclass(frozen=True, slots=True)
class _Deed:
    """A kind of order: what it needs, how it is worded, and whether it was obeyed."""

    kind: Kind
    prepare: Callable[[StoryBench], None]
    word: Callable[[StoryBench], tuple[str, Body]]
    is_done: Callable[[StoryBench], bool]

    def order(self, bench: StoryBench, rev: int = 1) -> Order:
        name, body = self.word(bench)
        return an_order(bench, self.kind, name, body, rev)


def _draw_nothing(bench: StoryBench) -> None:
    bench.load.draw(0)


def _cost_of_a_kwh(bench: StoryBench) -> int:
    before = cents(bench)
    bench.load.draw(1_000)
    bench.time.let_pass(HOUR_MS)
    bench.load.draw(0)
    return before - cents(bench)


def _is_dear(bench: StoryBench) -> bool:
    return _cost_of_a_kwh(bench) > _CENTS


def _is_credited(bench: StoryBench) -> bool:
    """The bench's meter begins with as much as is paid."""
    return cents(bench) > (_PAID_EUR + 1) * _CENTS


def _open_a_window(bench: StoryBench) -> None:
    tell_time(bench)
    permit_until(bench, at(bench, 7 * DAY_MS), Window(bench.now_ms - HOUR_MS, at(bench, 6 * DAY_MS)))


def _is_cut(bench: StoryBench) -> bool:
    return bench.wait_for_supply(is_on=False, within_ms=3 * HOUR_MS, every_ms=MINUTE_MS) is not None


def _cut(bench: StoryBench) -> None:
    reach(bench, BenchState.CUT)


def _release(bench: StoryBench) -> tuple[str, Body]:
    return f"release/{bench.documents.key_of(_PROTECTING[0])}", ReleaseBody(_HOURS)


_TARIFF: Final = _Deed(
    Kind.TARIFF, _draw_nothing, lambda _: ("tariff/meter", TariffBody(_DEAR_UEUR_PER_KWH, 0)), _is_dear
)
_PAYMENT: Final = _Deed(
    Kind.PAYMENT,
    _draw_nothing,
    lambda _: ("payment/bench", PaymentBody("bench", 1, _PAID_EUR * UEUR_PER_EUR)),
    _is_credited,
)
_CUT_ORDER: Final = _Deed(Kind.CUT_ORDER, _open_a_window, lambda _: ("cut/papers", CutOrderBody()), _is_cut)
_RELEASE: Final = _Deed(Kind.RELEASE, _cut, _release, is_given_back)
_ALL: Final = (_TARIFF, _PAYMENT, _CUT_ORDER, _RELEASE)


# ---------------------------------------------------------------- what is wrong with it


@dataclass(frozen=True, slots=True)
class _Flaw:
    """One thing that is wrong with a document: with its words, or with who has signed it."""

    name: str
    told: str
    deeds: Sequence[_Deed]
    spoil: Callable[[Order], Order] = lambda order: order
    holders: Callable[[Kind], Sequence[str]] = people_for
    is_spliced: bool = False

    def write(self, bench: StoryBench, order: Order) -> bytes:
        """The spoilt document."""
        data = bench.documents.seal(self.spoil(order), *self.holders(order.kind))
        if not self.is_spliced:
            return data
        other = bench.documents.seal(replace(order, basis="another"), *people_for(order.kind))
        return _with_signatures_of(data, other)


def _with_signatures_of(data: bytes, other: bytes) -> bytes:
    """The one document, under the signatures of another."""
    envelope, signed = msgspec.json.decode(data), msgspec.json.decode(other)
    return msgspec.json.encode({**envelope, "signatures": signed["signatures"]})


def _expired(order: Order) -> Order:
    issued_ms = order.issued_at_ms - 3 * DAY_MS
    return replace(
        order, issued_at_ms=issued_ms, not_before_ms=issued_ms, not_after_ms=order.issued_at_ms - HOUR_MS
    )


_FLAWS: Final = (
    _Flaw(
        "for-another-meter",
        "that is meant for another meter",
        _ALL,
        lambda order: replace(order, scope=Scope(meters=("another",))),
    ),
    _Flaw(
        "not-yet-valid",
        "that is not valid before tomorrow",
        (_TARIFF,),
        lambda order: replace(order, not_before_ms=order.issued_at_ms + DAY_MS),
    ),
    _Flaw("expired", "that expired an hour ago", (_TARIFF, _PAYMENT, _CUT_ORDER), _expired),
    _Flaw("of-strangers", "that strangers have signed", _ALL, holders=lambda _kind: _STRANGERS),
    _Flaw("of-nobody", "that nobody has signed", _ALL, holders=lambda _kind: ()),
    _Flaw(
        "of-one-person",
        "that one of two people has signed",
        (_TARIFF, _CUT_ORDER),
        holders=lambda kind: people_for(kind)[:1],
    ),
    _Flaw(
        "of-people-without-the-role",
        "that two people without the role have signed",
        (_TARIFF, _CUT_ORDER),
        holders=lambda _kind: _PROTECTING,
    ),
    _Flaw(
        "with-signatures-of-another",
        "under the signatures of another",
        _ALL,
        is_spliced=True,
    ),
)


def _spoilt() -> Iterator[BenchStory]:
    for flaw in _FLAWS:
        for deed in flaw.deeds:
            yield _spoilt_story(flaw, deed)


def _spoilt_story(flaw: _Flaw, deed: _Deed) -> BenchStory:
    kind = deed.kind.replace("_", "-")

    @story(
        name=f"{kind}-{flaw.name}-changes-nothing",
        title=f"A {kind.replace('-', ' ')} {flaw.told} changes nothing; the sound one does",
        requirements=("I8", "QA-06") if deed.kind is Kind.CUT_ORDER else ("I8", "I6"),
        needs=_NEEDS,
        tags=("papers",),
        real_duration="8 h",
        firmware="guarded",
    )
    def run(bench: StoryBench) -> None:
        deed.prepare(bench)
        order = deed.order(bench)
        bench.documents.bring(flaw.write(bench, order))
        bench.check(f"{kind} {flaw.name}: obeyed", expected=False, found=deed.is_done(bench))
        bring_sound(bench, order)
        bench.check(f"the sound {kind}: obeyed", expected=True, found=deed.is_done(bench))

    return run


SPOILT: Final = tuple(_spoilt())


# ---------------------------------------------------------------- what comes again, and what comes late


def _tariff(bench: StoryBench, rev: int, price_ueur_per_kwh: int) -> None:
    bring_sound(bench, an_order(bench, Kind.TARIFF, "tariff/meter", TariffBody(price_ueur_per_kwh, 0), rev))


@story(
    requirements=("QA-09", "I6"),
    needs=(Console, Documents, Load, SupplySensor),
    tags=("papers", "replay"),
    real_duration="4 h",
    firmware="guarded",
)
def a_tariff_of_an_older_revision_changes_nothing(bench: StoryBench) -> None:
    """Of two tariffs the later revision counts, also where the older one comes after it."""
    bench.load.draw(0)
    _tariff(bench, 5, 600_000)
    bench.measure("cost by revision 5", _cost_of_a_kwh(bench), "cent", 60, 60)
    _tariff(bench, 4, 400_000)
    bench.measure("cost after revision 4 came late", _cost_of_a_kwh(bench), "cent", 60, 60)
    _tariff(bench, 6, 700_000)
    bench.measure("cost by revision 6", _cost_of_a_kwh(bench), "cent", 70, 70)


@story(
    requirements=("QA-09", "I2"),
    needs=(Authorities, Console, Documents, Orders, SupplySensor),
    tags=("papers", "replay"),
    real_duration="20 h",
    firmware="guarded",
)
def a_cut_order_of_an_older_revision_cuts_nobody(bench: StoryBench) -> None:
    """A cut order whose earlier date comes after its later revision brings no cut before the later date."""
    _open_a_window(bench)
    from_ms = at(bench, 12 * HOUR_MS)
    later = _CUT_ORDER.order(bench, rev=5)
    bring_sound(bench, replace(later, not_before_ms=from_ms))
    bring_sound(bench, _CUT_ORDER.order(bench, rev=4))
    while bench.now_ms < from_ms - HOUR_MS:
        bench.time.let_pass(HOUR_MS)
        bench.check_supply("on", "before the date of the later revision")
    bench.wait_until(from_ms)
    bench.check("cut after the later revision's date", expected=True, found=_is_cut(bench))


@story(
    requirements=("QA-09", "I2"),
    needs=_NEEDS,
    tags=("papers", "replay"),
    real_duration="2 d",
    firmware="guarded",
)
def a_cut_order_that_was_carried_out_cuts_nobody_again(bench: StoryBench) -> None:
    """A cut order that comes again after it was carried out and undone cuts nobody a second time."""
    _open_a_window(bench)
    again = bring_sound(bench, _CUT_ORDER.order(bench))
    bench.check("cut by the order", expected=True, found=_is_cut(bench))
    bring_sound(bench, _RELEASE.order(bench))
    bench.check("back by the release", expected=True, found=is_given_back(bench))
    bench.documents.bring(again)
    for _ in range(_HOURS + 6):
        bench.time.let_pass(HOUR_MS)
        bench.check_supply("on", "after the same order came again")
    tell_time(bench)
    bring_sound(bench, _CUT_ORDER.order(bench, rev=2))
    bench.check("cut by another revision", expected=True, found=_is_cut(bench))


@story(
    requirements=("QA-09", "I8"),
    needs=_NEEDS,
    tags=("papers", "replay"),
    real_duration="2 d",
    firmware="guarded",
)
def a_release_that_comes_again_releases_nobody(bench: StoryBench) -> None:
    """A release acts once: the same bytes bring nobody back a second time, and a later number does."""
    reach(bench, BenchState.CUT)
    again = bring_sound(bench, _RELEASE.order(bench))
    bench.check("back by the release", expected=True, found=is_given_back(bench))
    bench.time.let_pass((_HOURS + 1) * HOUR_MS)
    reach(bench, BenchState.CUT)
    bench.documents.bring(again)
    bench.check("back by the same release", expected=False, found=is_given_back(bench))
    bring_sound(bench, _RELEASE.order(bench, rev=2))
    bench.check("back by a later one", expected=True, found=is_given_back(bench))
