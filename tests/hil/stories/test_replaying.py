"""What the design says of a verdict, beside what the firmware's gate says: two hands, one rule."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from emulator.firmware.guarded.gate import judge
from hil.stories.replaying import broken_rules, misjudged
from protocols.link.question import Evidence, Flags, HoldSpan, Interval, Permission, Question
from protocols.link.records import GateJudged
from protocols.reasons import Because, ClockStatus, SupplyReason
from protocols.spans import Window

INSTANTS = st.integers(0, 12)


@dataclass(frozen=True)
class Span:
    """Two instants of few, so that edges meet."""

    first: int
    last: int


SPANS = st.tuples(INSTANTS, INSTANTS).map(lambda two: Span(min(two), max(two) + 1))


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """Any question with a clock, a window or two, and holds, whose edges often coincide."""
    interval, order = draw(SPANS), draw(SPANS)
    first, second = sorted(draw(st.sets(INSTANTS, min_size=2, max_size=2)))
    windows = draw(st.sampled_from([(), (Window(0, 13),), (Window(first, second),), (Window(second, 20),)]))
    holds = draw(st.lists(SPANS, max_size=2))
    return Question(
        cause=draw(st.sampled_from(list(SupplyReason))),
        interval=Interval(
            draw(st.sampled_from(list(ClockStatus))),
            interval.first,
            draw(st.sampled_from([interval.last, interval.last, None])),
        ),
        permission=Permission(windows, draw(st.none() | INSTANTS), draw(st.booleans())),
        holds=tuple(HoldSpan("held", each.first, each.last) for each in holds),
        evidence=Evidence(
            draw(st.booleans()), draw(st.booleans()), order.first, order.last, draw(st.booleans())
        ),
        flags=Flags(draw(st.booleans())),
    )


@given(questions())
def test_the_gate_is_judged_right_by_the_design(asked: Question) -> None:
    verdict = judge(asked)
    assert misjudged(GateJudged(verdict.open, verdict.reason, asked)) == ""


@given(questions())
def test_a_verdict_that_is_turned_about_is_misjudged(asked: Question) -> None:
    verdict = judge(asked)
    turned = GateJudged(not verdict.open, Because.HOLD if verdict.open else Because.PERMITTED, asked)
    assert misjudged(turned) != ""


@given(questions())
def test_a_clock_that_knows_no_time_names_itself_alone(asked: Question) -> None:
    if asked.interval.status is ClockStatus.DISPUTED and asked.cause is not SupplyReason.SAFETY:
        assert broken_rules(asked) == {Because.CLOCK_DISPUTED}
