"""What a meter hears of the time, and from whom: strangers, answers that come again, numbers that go back."""

from typing import Final

from emulator.scenario.model import WitnessSpec
from hil.capabilities import Authorities, ClockFault, Console, Documents, Orders, SupplySensor
from hil.stories.plans import AUTHORITIES, at, tell_time
from hil.stories.stage import StoryBench
from hil.stories.story import story
from protocols.documents.orders import OneWayTime, TimeAnswer
from protocols.instants import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from protocols.reasons import Source

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
