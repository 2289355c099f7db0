"""No story passes by itself: each is told to meters at which something is missing, and must see it.

A story about something that must *not* happen ends with a control in which it does. What stays green all the
same stands here with its reason, and a line that no story needs any more is an error too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import pytest

from emulator.scenario.model import CutCalendarSpec, ProgrammedCutSpec
from emulator.scenario.writing import SignedSpec
from emulator.world.contactor import Contactor
from hil.binding import BoundBench
from hil.capabilities import (
    Authorities,
    ClockFault,
    KioskVisit,
    Orders,
    PaymentWays,
    SupplySensor,
)
from hil.drivers.virtual.bench import VirtualDut, virtual_bench
from hil.record.model import StoryVerdict
from hil.stories.collecting import all_stories
from hil.stories.interlock import Interlock
from hil.stories.playing import play_story
from hil.stories.story import BenchStory
from protocols.instants import UtcMs
from tests.hil.planting import ROOT
from tools.mutants import read_seeds

GREEN = (StoryVerdict.PASSED, StoryVerdict.MARGINAL)


class Deaf:
    """Whatever is brought does not reach the meter."""

    def _nothing(self, *_: object) -> None:
        pass

    bring = withdraw = tell = pay = act = _nothing


class WithoutDates:
    """No date reaches the meter; that its cell can be taken out is another thing."""

    def __init__(self, clock: ClockFault) -> None:
        self._clock = clock

    def set_date(self, time_ms: UtcMs) -> None:
        pass

    def lose_ticks(self) -> None:
        self._clock.lose_ticks()


class WithoutCuts:
    """Calendars and cut orders do not reach the meter; everything else does."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders

    def bring(self, do: SignedSpec) -> None:
        if not isinstance(do, CutCalendarSpec | ProgrammedCutSpec):
            self._orders.bring(do)

    def withdraw(self) -> None:
        self._orders.withdraw()


def without_orders(bench: BoundBench) -> BoundBench:
    deaf = Deaf()
    return replace(bench, drivers={**bench.drivers, Orders: deaf, PaymentWays: deaf, KioskVisit: deaf})


def without_cuts(bench: BoundBench) -> BoundBench:
    return replace(bench, drivers={**bench.drivers, Orders: WithoutCuts(bench.driver(Orders))})


def without_dates(bench: BoundBench) -> BoundBench:
    return replace(bench, drivers={**bench.drivers, ClockFault: WithoutDates(bench.driver(ClockFault))})


def without_words(bench: BoundBench) -> BoundBench:
    return replace(bench, drivers={**bench.drivers, Authorities: Deaf()})


@dataclass(frozen=True)
class Lack:
    """`asked`: the stories that it can concern need one of these. `may_stay_green`: by pattern, and why."""

    break_bench: Callable[[BoundBench], BoundBench]
    asked: tuple[type, ...]
    may_stay_green: Mapping[str, str]


MONEY = "it asks what is credited, and cuts nobody"
CARD = "it asks what a card carries, and cuts nobody"
WITHOUT_SIGNATURES = "it is for a bench on which nobody can order a cut"
FACE = "it compares two faces while the household is supplied"
RECORDS = "it asks for the order of records"
BY_FILE = "the file's events bring no such thing"
NUDGE = "a date is but a reason to look at the rules again; a seed breaks a story of the same form"
DOCUMENTS = {
    "payment-of-*": "its documents come by a way of their own, and are refused",
    "tariff-*": "its documents come by a way of their own, and are refused",
}
DOUBT = {"the-*-narrows-no-doubt": "the answers are documents, and what it asks is a bound of the clock"}
SUPPLIED = {"a-release-takes-no-electricity-*": "a release to the supplied changes nothing, as it should"}
LACKS = {
    "no order comes": Lack(
        without_orders,
        (Orders, PaymentWays, KioskVisit),
        {"scenario/guarded/safety": BY_FILE, **DOCUMENTS, **DOUBT, **SUPPLIED},
    ),
    "no calendar and no cut comes": Lack(
        without_cuts,
        (Orders,),
        {"scenario/guarded/safety": BY_FILE, **DOCUMENTS, **DOUBT, **SUPPLIED},
    ),
    "no date comes": Lack(
        without_dates,
        (ClockFault,),
        {
            **DOUBT,
            **dict.fromkeys(("a-flag-holds-*", "cut-order-*", "lease-*", "window-*"), NUDGE),
        },
    ),
    "no word of an authority comes": Lack(without_words, (Authorities,), DOCUMENTS),
}


# A story that a seeded defect names is shown to see it by `test_seeds`, which breaks the meter itself.
SEEDED = {seed.story for seed in read_seeds((ROOT / "tools" / "seeds.toml").read_text("utf-8"))}


def stories_asked(needs: tuple[type, ...]) -> list[BenchStory]:
    return [each for each in all_stories() if set(needs) & set(each.needs) and each.name not in SEEDED]


def green_of(stories: list[BenchStory], break_bench: Callable[[BoundBench], BoundBench]) -> set[str]:
    found = set()
    for each in stories:
        bench = break_bench(virtual_bench(VirtualDut()))
        if play_story(each, bench, Interlock(bench)).verdict in GREEN:
            found.add(each.name)
    return found


def check_green(found: set[str], allowed: Mapping[str, str]) -> None:
    unexplained = {name for name in found if not any(fnmatchcase(name, each) for each in allowed)}
    idle = {each for each in allowed if not any(fnmatchcase(name, each) for name in found)}
    assert (unexplained, idle) == (set(), set())


@pytest.mark.parametrize("lack", LACKS)
def test_a_story_misses_what_does_not_come(lack: str) -> None:
    """Of the library only files of guarded meters, with orders: a minute would be too long for the rest."""
    given = LACKS[lack]
    files = lack in ("no order comes", "no calendar and no cut comes")
    stories = [
        each
        for each in stories_asked(given.asked)
        if not each.name.startswith(("scenario/", "sound/"))
        or (files and each.name.startswith("scenario/guarded/"))
    ]
    check_green(green_of(stories, given.break_bench), given.may_stay_green)


def test_a_story_sees_a_contactor_that_never_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Contactor, "drive", lambda *_: None)
    stories = [each for each in stories_asked((SupplySensor,)) if not each.name.startswith("scenario/legacy")]
    allowed = {
        "supply-through-*": WITHOUT_SIGNATURES,
        "card-torn-*": CARD,
        "mains-lost-while-a-card-is-in": CARD,
        "the-card-tells-what-the-console-tells": CARD,
        "a-card-of-nobody-changes-nothing": CARD,
        "a-payment-*": MONEY,
        "limiter-with-a-load-at-*": "it asks how much is drawn",
        **DOCUMENTS,
        **DOUBT,
        **SUPPLIED,
        "one-balance-on-two-faces": FACE,
        "the-customer-port-tells-the-load": FACE,
        "records-stand-as-they-happened": RECORDS,
    }
    check_green(green_of(stories, lambda bench: bench), allowed)
