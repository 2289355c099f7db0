"""The JUnit file of a run, as junitparser reads it: a program that we did not write."""

from hypothesis import given
from junitparser import Error, Failure, JUnitXml, Properties, Skipped, TestCase, TestSuite

from hil.record.model import Attachment, Measurement, RunRecord, StoryVerdict
from hil.reports.junit import ATTACHMENT_CHARS_SHOWN, junit_of, limits_of
from protocols.junit import visible
from tests.hil.recorded import night, records, run_record, story


def read(record: RunRecord) -> tuple[TestSuite, dict[str, TestCase]]:
    (suite,) = JUnitXml.fromstring(junit_of(record).encode())
    return suite, {case.name: case for case in suite}


def properties(of: TestCase | TestSuite) -> list[tuple[str, str]]:
    found = of.child(Properties)  # type: ignore[no-untyped-call] # junitparser types a part of itself
    return [(each.name, each.value) for each in found]


def test_a_run_is_a_suite_with_its_counts_and_what_it_was_run_on() -> None:
    suite, _cases = read(night())
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (5, 1, 1, 1)
    assert (suite.name, suite.time, suite.timestamp) == (
        "relance-hil on virtual",
        4.321,
        "2026-11-30T08:00:00",
    )
    told = dict(properties(suite))
    assert told["meter_firmware"] == "guarded"
    assert told["bench_sha256"] == "ab" * 32
    assert told["calibration:supply sensor"] == "2025-03-01, valid until 2026-03-01"
    assert told["note"] == "The window was open; 8 °C."


def test_each_verdict_is_the_element_that_ci_servers_know() -> None:
    _suite, cases = read(night())
    ends = {name: [(type(each), each.message) for each in case.result] for name, case in cases.items()}
    assert ends == {
        "a-day-too-early": [(Failure, "expected supply on, found off")],
        "no-answer": [(Error, 'console: expected "ok", got nothing within 2 s')],
        "card-torn": [(Skipped, "the bench has no MeterSlot")],
        "release": [],
        "moratorium": [],
    }
    assert (
        cases["a-day-too-early"].result[0].text
        == "expected supply on, found off\nat Thu 2 Jul 2020 23:02:00.200"
    )
    assert cases["moratorium"].time == 0.012


def test_requirements_and_measurements_are_properties_of_their_case() -> None:
    _suite, cases = read(night())
    assert properties(cases["release"]) == [
        ("verdict", "marginal"),
        ("title", "release"),
        ("requirement", "I3"),
        ("requirement", "L9"),
        ("tag", "date"),
        ("measurement:release_to_supply", "4,900 ms; allowed: at most 5,000 ms; marginal"),
        ("measurement:credit_after", "1,500 cent; allowed: 1,000 to 2,000 cent; passed"),
    ]


def test_what_came_over_a_wire_stands_in_the_output_of_a_red_story_byte_for_byte() -> None:
    _suite, cases = read(night())
    output = cases["a-day-too-early"].system_out
    assert output.startswith(
        "--- console\n> supply\n< supply off <b>&\n> \\x02balance\r\n\n--- apdu\n00A4 0400 →"
    )
    assert cases["release"].system_out is None


def test_of_a_long_log_the_end_is_shown() -> None:
    log = Attachment("console", "text/plain", "x" * ATTACHMENT_CHARS_SHOWN + "the end")
    _suite, cases = read(run_record(story("one", StoryVerdict.FAILED, attachments=(log,))))
    assert cases["one"].system_out.startswith("--- console, without its first 7 characters\nxxx")
    assert cases["one"].system_out.endswith("xthe end")


@given(records)
def test_any_record_at_all_is_read_with_every_story_and_its_verdict(record: RunRecord) -> None:
    (suite,) = JUnitXml.fromstring(junit_of(record).encode())
    cases = list(suite)
    assert [case.name for case in cases] == [visible(each.name) for each in record.stories]
    for case, each in zip(cases, record.stories, strict=True):
        assert properties(case)[0] == ("verdict", each.verdict)
    red = [each for each in record.stories if each.verdict is StoryVerdict.FAILED]
    assert suite.failures == len(red)


LIMITS = [
    (Measurement("m", 1, "ms", None, None), "no limit"),
    (Measurement("m", 1, "ms", 0, None), "at least 0 ms"),
    (Measurement("m", 1, "ms", None, -5_000), "at most -5,000 ms"),
    (Measurement("m", 1, "ms", 0, 5_000), "0 to 5,000 ms"),
]


def test_limits_are_said_in_words() -> None:
    assert [limits_of(measurement) for measurement, _said in LIMITS] == [said for _m, said in LIMITS]
