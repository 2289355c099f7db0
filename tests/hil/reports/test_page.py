"""The page of a run: what is in it, that nothing in it acts, and that its pictures say what happened."""

import shutil
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.sync_playwright import Axe
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page, Request, sync_playwright

from hil.record.model import Lane, Measurement, RunRecord, StoryVerdict
from hil.reports.page import SCALE_PX, page_of, scale_of
from hil.reports.timeline import TICK_PX, WIDTH_PX, timeline_of
from protocols.errors import InputError
from tests.hil.recorded import THE_NIGHT, moment, night, records, run_record, story

BRUSSELS = ZoneInfo("Europe/Brussels")
TAGS = frozenset(
    [
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "h1",
        "h2",
        "p",
        "span",
        "b",
        "table",
        "tr",
        "th",
        "td",
        "details",
        "summary",
        "div",
        "pre",
        "svg",
        "text",
        "line",
        "rect",
        "circle",
        "a",
        "ul",
        "li",
    ]
)
NUMBERS = st.integers(-(10**9), 10**9)


class _Page(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(" ".join(data.split()))


def read(record: RunRecord) -> _Page:
    page = _Page()
    page.feed(page_of(record, "Europe/Brussels"))
    return page


def test_what_is_red_stands_open_in_front_with_what_was_expected() -> None:
    page = read(night())
    stories = [attributes for tag, attributes in page.tags if tag == "details" and "id" in attributes]
    assert [("open" in each) for each in stories] == [True, True, False, False, False]
    assert page.texts.index("failed") < page.texts.index("passed")
    assert any("expected supply on, found off" in each for each in page.texts)


def test_a_calibration_that_had_ended_when_the_run_began_is_marked() -> None:
    assert any("not valid on the day of the run" in each for each in read(night()).texts)


@settings(max_examples=40)
@given(records)
def test_no_record_brings_anything_that_acts_or_loads(record: RunRecord) -> None:
    page = read(record)
    assert {tag for tag, _ in page.tags} <= TAGS
    for _tag, attributes in page.tags:
        assert not [name for name in attributes if name in ("src", "srcdoc") or name.startswith("on")]
        assert (attributes.get("href") or "#").startswith("#"), "ways lead to this page alone"


def test_what_a_meter_says_stays_text() -> None:
    told = "<script>alert(1)</script>"
    seen = (moment(0, Lane.CHECK, told),)
    record = run_record(story("a", why=told, verdict=StoryVerdict.FAILED, timeline=seen))
    page = read(record)
    assert "script" not in {tag for tag, _ in page.tags}
    assert told in page.texts


def test_times_are_those_of_the_zone_that_is_asked_for() -> None:
    record = run_record(story("a", timeline=(moment(0, Lane.BENCH, "mains on"),)))
    assert "Thu 2020-07-02 22:59 CEST" in page_of(record, "Europe/Brussels")
    assert "Thu 2020-07-02 21:59 BST" in page_of(record, "Europe/London")
    with pytest.raises(InputError, match="Nowhere"):
        page_of(record, "Europe/Nowhere")


def test_the_supply_bar_goes_from_change_to_change_and_to_the_end() -> None:
    drawn = timeline_of(story("a", timeline=THE_NIGHT), BRUSSELS)
    assert drawn is not None
    supply = next(lane for lane in drawn.lanes if lane.name == "supply")
    assert [bar.kind for bar in supply.bars] == ["on", "off"]
    first, second = supply.bars
    assert first.x_px + first.width_px == pytest.approx(second.x_px)
    assert [lane.name for lane in drawn.lanes] == ["bench", "orders", "clock", "supply", "credit", "check"]
    assert "supply: supply on, then supply off" in drawn.told


def test_what_the_bench_switched_off_is_not_drawn_as_a_cut() -> None:
    seen = (
        moment(0, Lane.SUPPLY, "supplied", is_on=True),
        moment(5_000, Lane.BENCH, "mains off", is_on=False),
        moment(5_000, Lane.SUPPLY, "not supplied", is_on=False),
        moment(9_000, Lane.BENCH, "mains on", is_on=True),
        moment(12_000, Lane.SUPPLY, "supplied", is_on=True),
    )
    drawn = timeline_of(story("a", timeline=seen), BRUSSELS)
    assert drawn is not None
    supply = next(lane for lane in drawn.lanes if lane.name == "supply")
    kinds = [bar.kind for bar in supply.bars if bar.width_px]
    assert kinds == ["on", "no-mains", "off", "on"], "dark although the mains are back is a cut"
    assert {mark.tone for lane in drawn.lanes for mark in lane.marks} == {"plain"}, "and no check was wrong"


def test_how_long_each_gap_is_stands_between_its_instants() -> None:
    seen = (moment(0, Lane.BENCH, "mains on"), moment(7_200_000, Lane.CHECK, "supply", is_on=True))
    drawn = timeline_of(story("a", timeline=seen, ended_ms=seen[1].at_ms), BRUSSELS)
    assert drawn is not None
    assert [each.text for each in drawn.gaps] == ["2 h"]
    assert drawn.ticks[0].x_px < drawn.gaps[0].x_px < drawn.ticks[1].x_px
    assert [each.text for each in drawn.ticks] == ["Thu 2020-07-02 22:59 CEST", "Fri 2020-07-03 00:59 CEST"]


def test_each_story_stands_under_its_requirements_with_its_verdict_and_a_way_to_it() -> None:
    page = read(night())
    ways = {attributes["href"] for tag, attributes in page.tags if tag == "a"}
    ids = {f"#{attributes['id']}" for tag, attributes in page.tags if "id" in attributes}
    assert ways
    assert ways <= ids


def test_a_story_in_which_nothing_happened_has_no_picture() -> None:
    assert timeline_of(story("a"), BRUSSELS) is None


@settings(max_examples=60)
@given(records)
def test_every_mark_is_in_the_picture_in_the_order_of_time(record: RunRecord) -> None:
    for each in record.stories:
        drawn = timeline_of(each, BRUSSELS)
        if drawn is None:
            continue
        marks = [mark for lane in drawn.lanes for mark in lane.marks]
        assert len(marks) == len(each.timeline)
        assert all(0 <= mark.x_px <= WIDTH_PX for mark in marks)
        placed = sorted(
            (moment.at_ms, mark.x_px)
            for lane in drawn.lanes
            for moment, mark in zip(
                sorted((one for one in each.timeline if one.lane == lane.name), key=lambda one: one.at_ms),
                lane.marks,
                strict=True,
            )
        )
        assert [x_px for _, x_px in placed] == sorted(x_px for _, x_px in placed)
        lefts = sorted(tick.left_px for tick in drawn.ticks)
        assert all(after - before >= TICK_PX - 1e-6 for before, after in pairwise(lefts))


@given(NUMBERS, st.none() | NUMBERS, st.none() | NUMBERS, st.integers(0, 10**6))
def test_a_value_stands_between_its_limits_just_where_it_is_within_them(
    value: int, low: int | None, high: int | None, margin: int
) -> None:
    if low is not None and high is not None and low > high:
        low, high = high, low
    scale = scale_of(Measurement("m", value, "ms", low, high, margin))
    assert 0 <= scale.value_px <= SCALE_PX
    if low is not None and scale.low_px is not None:
        assert (scale.value_px >= scale.low_px) == (value >= low)
    if high is not None and scale.high_px is not None:
        assert (scale.value_px <= scale.high_px) == (value <= high)


def _asked_by(page: Page) -> list[Request]:
    """What a page asks of anybody, from now on."""
    asked: list[Request] = []

    def note(request: Request) -> None:
        asked.append(request)

    page.on("request", note)
    return asked


def test_the_page_is_one_that_everybody_can_read(tmp_path: Path) -> None:
    """In Chromium, light and dark: axe finds no serious fault, and nothing is asked of a network."""
    file = tmp_path / "report.html"
    file.write_text(page_of(night(), "Europe/Brussels"), encoding="utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        try:
            for scheme in ("light", "dark"):
                page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme=scheme)
                asked = _asked_by(page)
                page.goto(file.as_uri())
                page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
                found = Axe().run(page).response["violations"]
                assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
                assert [each.url for each in asked] == [file.as_uri()]
                assert page.locator("svg").first.bounding_box() is not None
        finally:
            browser.close()
