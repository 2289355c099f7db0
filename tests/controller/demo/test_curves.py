"""Each drawing of the report is also a PNG, and a CSV file of the numbers that it shows."""

import csv
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.demo import night
from controller.demo.camera import Change, Fleet
from controller.demo.card_fleet import WayBack
from controller.demo.curves import COUNTED_MS, WEEK_MS, curves_of, cuts_by_hour, dark_counts
from controller.demo.histogram import DRAWN
from controller.demo.report import render, write_report
from controller.demo.result import Heard, Result
from protocols.errors import InputError
from protocols.instants import HOUR_MS, ms_from_iso
from protocols.reasons import Supply, SupplyReason
from tests.controller.demo.test_report import CARD, GUARDED, cut, made

PROGRAMMED, CREDIT = SupplyReason.PROGRAMMED_CUT, SupplyReason.CREDIT
BACK_MS = ms_from_iso("2020-07-03T08:31+02:00")
PNG = b"\x89PNG\r\n\x1a\n"
# Any history: of each meter, instants at which its supply goes on or off.
HISTORIES = st.lists(
    st.builds(
        Change,
        st.sampled_from(Fleet),
        st.sampled_from(("m1", "m2", "m3")),
        st.integers(night.START_MS - HOUR_MS, night.END_MS + HOUR_MS),
        st.just(Supply.ON),
        st.sampled_from(Supply),
        st.just(CREDIT),
    ),
    max_size=12,
    unique_by=lambda change: change.true_ms,
)


def one_night() -> Result:
    cut_ms = ms_from_iso("2020-07-02T23:01+02:00")
    happened = made(
        cut(CARD, "c00001", "2020-07-02T23:01+02:00", PROGRAMMED),
        Change(CARD, "c00001", BACK_MS, Supply.OFF, Supply.ON, SupplyReason.RELEASE),
        cut(GUARDED, "m00001", "2020-07-06T08:30+02:00", CREDIT),
    )
    return replace(
        happened,
        ways_back=[WayBack("c00001", cut_ms, "Eupen", cut_ms + 1, cut_ms + 2, BACK_MS)],
        heard=[Heard("m00001", cut_ms, "headend", 86_400_000)],
        release_s={"m00001": 0.75},
    )


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    write_report(one_night(), folder)
    return folder / "curves"


def test_each_drawing_of_the_page_has_both_files_and_the_page_names_them(folder: Path) -> None:
    names = re.findall(r"<code>curves/(\w+)\.png</code>", render(one_night()))
    assert sorted(names) == sorted(DRAWN)
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        f"{name}.{kind}" for name in names for kind in ("csv", "png")
    )
    for name in names:
        assert (folder / f"{name}.png").read_bytes().startswith(PNG)
        assert f"<code>curves/{name}.csv</code>" in render(one_night())


def test_the_files_tell_what_happened(folder: Path) -> None:
    cuts = [row for row in table(folder / "week.csv") if row["card_meters_cut"] != "0"]
    assert cuts == [{"hour": "2020-07-02T23:00:00+02:00", "card_meters_cut": "1", "guarded_meters_cut": "0"}]
    dark = {
        row["at"]: (row["card_meters_dark"], row["guarded_meters_dark"]) for row in table(folder / "dark.csv")
    }
    assert dark["2020-07-02T23:00:00+02:00"] == ("0", "0")
    assert dark["2020-07-02T23:15:00+02:00"] == ("1", "0")
    assert dark["2020-07-03T08:45:00+02:00"] == ("0", "0")
    assert table(folder / "offsets.csv") == [
        {
            "received": "2020-07-02T23:01:00+02:00",
            "meter": "m00001",
            "source": "headend",
            "offset_ms": "86400000",
        }
    ]
    assert [tuple(row.values()) for row in table(folder / "back.csv")] == [
        ("card", "c00001", "34200.000"),
        ("release", "m00001", "0.750"),
    ]


@given(HISTORIES)
def test_every_cut_is_counted_once_and_the_dark_are_those_of_the_result(changes: list[Change]) -> None:
    result = made(*changes)
    for fleet in Fleet:
        counts = cuts_by_hour(result, fleet, *WEEK_MS)
        inside = [each for each in result.cuts(fleet) if WEEK_MS[0] <= each.true_ms < WEEK_MS[1]]
        assert sum(counts.values()) == len(inside)
        assert all(counts[each.true_ms // HOUR_MS * HOUR_MS] for each in inside)
        instants = COUNTED_MS[::40]
        assert dark_counts(result, fleet, instants) == [result.dark(fleet, at_ms) for at_ms in instants]


def test_a_replay_without_any_event_has_files_too(tmp_path: Path) -> None:
    files = write_report(made(), tmp_path)
    assert len(list(files.curves.iterdir())) == 2 * len(DRAWN)
    assert {len(curve.rows) for curve in curves_of(made()).values()} >= {0, len(COUNTED_MS)}


def test_a_folder_that_cannot_be_written_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "curves").write_text("a file in the way")
    with pytest.raises(InputError, match="cannot be written: File exists"):
        write_report(made(), tmp_path)
