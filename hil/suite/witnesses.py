"""What a meter hears of the time, and from whom: strangers, answers that come again, numbers that go back."""

from collections.abc import Iterator
from typing import Final

from emulator.scenario.model import WitnessSpec
from hil.capabilities import (
    Authorities,
    ClockFault,
    Console,
    Documents,
    JournalReader,
    Orders,
    SupplySensor,
)
from hil.stories.drafts import DOUBT_MS, put_clock_in_doubt
from hil.stories.plans import AUTHORITIES, at, tell_time
from hil.stories.stage import StoryBench
from hil.stories.story import BenchStory, story
from hil.stories.wishes import MeterWish
from protocols.documents.orders import OneWayTime, TimeAnswer
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, ms_from_iso
from protocols.link.records import ClaimHeard
from protocols.reasons import ClaimSource, ClaimVerdict, Source

_NEEDS: Final = (Authorities, Console, ClockFault, Documents, Orders, SupplySensor)
_STRANGER: Final = "nobody"
# Somebody whom the root names, for releases and payments.
_CLERK: Final = "anna"


def _answer(bench: StoryBench, nonce: str, offset_ms: int, holder: str, meter: str = "") -> None:
    """An answer about the time, signed by somebody."""
    name = meter or bench.word("identity", "meter")
    answer = TimeAnswer(meter=name, nonce=nonce, time_ms=at(bench, offset_ms), spread_ms=SECOND_MS)
    bench.documents.bring(bench.documents.seal(answer, holder))


def _broadcast(bench: StoryBench, number: int, offset_ms: int, holder: str) -> None:
    """A numbered time, signed by somebody."""
    time = OneWayTime(number=number, time_ms=at(bench, offset_ms), spread_ms=SECOND_MS)
    bench.documents.bring(bench.documents.seal(time, holder))


def _clock(bench: StoryBench) -> list[str]:
    """What the meter is sure of."""
    answer = bench.console.ask("clock")
    return [*answer["status"], *answer["earliest"], *answer["latest"]]


def _check_unchanged(bench: StoryBench, before: list[str], why: str) -> None:
    bench.check(f"clock after {why}", before, _clock(bench))


def _lose_count(bench: StoryBench) -> None:
    bench.clock_fault.lose_ticks()
    bench.check("clock without its count", "lost", bench.word("clock", "status"))
    bench.check("upper bound without its count", "none", bench.word("clock", "latest"))


@story(
    requirements=("I1", "I8"),
    needs=_NEEDS,
    tags=("date", "witness"),
    real_duration="1 min",
    firmware="guarded",
)
def a_time_of_a_stranger_is_no_witness(bench: StoryBench) -> None:
    """A time that a stranger or a clerk has signed is nobody's word, beside one authority's and by itself."""
    _lose_count(bench)
    tell_time(bench, Source.TIMESERVER)
    before = _clock(bench)
    for holder in (_STRANGER, _CLERK):
        for source in Source:
            _answer(bench, bench.documents.ask_time(source), 0, holder)
            _check_unchanged(bench, before, f"an answer for {source} by {holder}")
        _broadcast(bench, 7, 0, holder)
        _check_unchanged(bench, before, f"a numbered time by {holder}")
    _answer(bench, bench.documents.ask_time(Source.HEADEND), 0, Source.HEADEND)
    bench.check("clock by a second authority", "trusted", bench.word("clock", "status"))


@story(
    requirements=("I1", "I8"),
    needs=_NEEDS,
    tags=("date", "witness"),
    real_duration="1 min",
    firmware="guarded",
)
def an_answer_of_another_authority_is_no_answer(bench: StoryBench) -> None:
    """A question to one authority that another one answers, or that names another meter, is not answered."""
    _lose_count(bench)
    tell_time(bench, Source.TIMESERVER)
    before = _clock(bench)
    nonce = bench.documents.ask_time(Source.HEADEND)
    _answer(bench, nonce, 0, Source.CARD)
    _check_unchanged(bench, before, "another authority's answer")
    _answer(bench, nonce, 0, Source.HEADEND, meter="another")
    _check_unchanged(bench, before, "an answer to another meter")
    _answer(bench, nonce, 0, Source.HEADEND)
    bench.check("clock by the authority that was asked", "trusted", bench.word("clock", "status"))


@story(
    requirements=("I5", "QA-09"),
    needs=_NEEDS,
    tags=("date", "witness", "replay"),
    real_duration="10 min",
    firmware="guarded",
)
def a_question_about_the_time_is_answered_once(bench: StoryBench) -> None:
    """A second answer to the same question is not heard: an hour ahead or back it changes no bound."""
    nonces = {source: bench.documents.ask_time(source) for source in AUTHORITIES}
    for source, nonce in nonces.items():
        _answer(bench, nonce, 0, source)
    bench.time.let_pass(MINUTE_MS)
    before = _clock(bench)
    for offset_ms in (HOUR_MS, -HOUR_MS, 0):
        for source, nonce in nonces.items():
            _answer(bench, nonce, offset_ms, source)
        _check_unchanged(bench, before, f"second answers, {offset_ms // SECOND_MS} s off")
    tell_time(bench)
    bench.check("bounds by new questions are new", expected=True, found=_clock(bench) != before)
    bench.check("clock by new questions", "trusted", bench.word("clock", "status"))


@story(
    requirements=("I5", "QA-09"),
    needs=_NEEDS,
    tags=("date", "witness", "replay"),
    real_duration="2 d",
    firmware="guarded",
)
def a_numbered_time_counts_once_and_in_its_order(bench: StoryBench) -> None:
    """A numbered time that comes again, or after a later one, changes no bound; a later number does."""
    bench.time.let_pass(DAY_MS)
    for source in AUTHORITIES:
        _broadcast(bench, 5, 0, source)
    before = _clock(bench)
    for number in (5, 4, 1):
        for source in AUTHORITIES:
            _broadcast(bench, number, HOUR_MS, source)
        _check_unchanged(bench, before, f"number {number}, an hour ahead, after number 5")
    bench.time.let_pass(DAY_MS)
    aged = _clock(bench)
    for source in AUTHORITIES:
        _broadcast(bench, 6, 0, source)
    bench.check("earliest by a later number is later", expected=True, found=_clock(bench)[1] > aged[1])


@story(
    requirements=("QA-09", "I1"),
    needs=_NEEDS,
    tags=("date", "witness"),
    real_duration="2 d",
    firmware="guarded",
)
def an_answer_that_comes_late_bounds_no_later_than_its_question(bench: StoryBench) -> None:
    """An answer that is an hour old when it comes is right: its upper bound dates from the question."""
    for source in AUTHORITIES:
        nonce = bench.documents.ask_time(source)
        asked_ms = bench.now_ms
        bench.time.let_pass(HOUR_MS)
        _answer(bench, nonce, asked_ms - bench.now_ms, source)
        bench.check(f"clock after a late answer of {source}", "trusted", bench.word("clock", "status"))
    bench.authorities.tell(WitnessSpec(Source.HEADEND, 0, None, fresh=True, spread_ms=SECOND_MS))
    bench.check("clock after a prompt answer", "trusted", bench.word("clock", "status"))


@story(
    requirements=("L10", "QA-08"),
    needs=(Console, ClockFault, JournalReader, SupplySensor),
    tags=("date", "witness", "black-box"),
    real_duration="5 h",
    firmware="guarded",
)
def each_date_of_nobody_is_on_record(bench: StoryBench) -> None:
    """Each date that nobody has signed stands in the black box, with how far off the meter found it."""
    steps_ms = (DAY_MS, -DAY_MS, HOUR_MS, -60 * DAY_MS)
    dates_ms = []
    for step_ms in steps_ms:
        dates_ms.append(at(bench, step_ms))
        bench.clock_fault.set_date(dates_ms[-1])
        # The box keeps one in each hour, and how many it left out.
        bench.time.let_pass(HOUR_MS + MINUTE_MS)
    claims = [each for _, each in bench.journal.records() if isinstance(each, ClaimHeard)]
    found = [each for each in claims if each.source is ClaimSource.UNSIGNED][-len(steps_ms) :]
    bench.check("dates on record", dates_ms, [each.time_ms for each in found])
    bench.check("how they were judged", {ClaimVerdict.LOGGED}, {each.verdict for each in found})
    for step_ms, each in zip(steps_ms, found, strict=True):
        error_ms = abs((each.offset_ms or 0) - step_ms)
        bench.measure(
            f"offset on record, error at {step_ms // SECOND_MS} s", error_ms, "ms", 0, 5 * SECOND_MS
        )


def _check_holds_true_time(bench: StoryBench, why: str) -> None:
    """Whether true time is within what the meter is sure of. Its console tells whole milliseconds."""
    _, earliest, latest = _clock(bench)
    bench.measure(f"true time after the earliest, {why}", bench.now_ms - ms_from_iso(earliest), "ms", 0, None)
    bench.measure(f"true time before the latest, {why}", ms_from_iso(latest) - bench.now_ms, "ms", 0, None)


def _lone_liars() -> Iterator[BenchStory]:
    for source in AUTHORITIES:
        for sign, way in ((1, "ahead"), (-1, "back")):
            yield _lone_liar(source, sign * DOUBT_MS // 2, way)


def _lone_liar(source: Source, lie_ms: int, way: str) -> BenchStory:
    @story(
        name=f"the-{source}-alone-five-minutes-{way}-narrows-no-doubt",
        title=f"Ten minutes in doubt, a meter believes no {source} alone that is five minutes {way}",
        requirements=("I2", "QA-06"),
        needs=(Authorities, Console, ClockFault, Orders, SupplySensor),
        tags=("date", "witness", "lie", "doubt"),
        real_duration="30 min",
        firmware="guarded",
    )
    def run(bench: StoryBench) -> None:
        put_clock_in_doubt(bench)
        bench.authorities.tell(WitnessSpec(source, lie_ms, None, fresh=True, spread_ms=SECOND_MS))
        _check_holds_true_time(bench, "after a lie")
        (other,) = {*AUTHORITIES} - {source}
        tell_time(bench, other)
        _check_holds_true_time(bench, "after a lie and the truth")
        tell_time(bench, source)
        _check_holds_true_time(bench, "after the truth of both")
        _, earliest, latest = _clock(bench)
        wide_ms = ms_from_iso(latest) - ms_from_iso(earliest)
        bench.measure("doubt after the truth of both", wide_ms, "ms", 0, MINUTE_MS)

    return run


LONE_LIARS: Final = tuple(_lone_liars())


def _crystals() -> Iterator[BenchStory]:
    for drift_ppm, told in ((45, "fast"), (-45, "slow")):
        yield _crystal(drift_ppm, told)


def _crystal(drift_ppm: int, told: str) -> BenchStory:
    @story(
        name=f"a-crystal-that-is-{told}-is-allowed-for",
        title=f"After thirty days alone a meter whose crystal is {told} is sure of nothing wrong",
        requirements=("QA-01", "I1"),
        needs=(Console, SupplySensor),
        tags=("date", "doubt"),
        real_duration="30 d",
        firmware="guarded",
        meter=MeterWish("2020-06-24T08:00:00+02:00", drift_ppm=drift_ppm),
    )
    def run(bench: StoryBench) -> None:
        for _ in range(30):
            bench.time.let_pass(DAY_MS)
            _check_holds_true_time(bench, "without a word about the time")

    return run


CRYSTALS: Final = tuple(_crystals())
