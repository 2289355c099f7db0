"""Writes the result of a replay as `report.json`, for programs, and `report.html`, for people.

The page is one file with all pictures, styles and texts inside: it opens without a network. Beside it, in
`curves/`, each picture stands as a PNG, and the numbers that it shows as a CSV file.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from controller.demo import histogram, night
from controller.demo.camera import Fleet
from controller.demo.curves import Curve, curves_of
from controller.demo.report_fields import report_fields
from controller.demo.result import Result, percentile
from controller.demo.story import stories_of
from protocols.cutting.zones import load_zone
from protocols.errors import InputError
from protocols.instants import HOUR_MS, datetime_from_ms

TEMPLATE: Final = "report.html.j2"
CURVES: Final = "curves"
_ZONE: Final = load_zone(night.ZONE)
_WHOSE: Final = {
    night.Whose.CARD: "card meters",
    night.Whose.GUARDED: "guarded meters",
    night.Whose.BOTH: "both",
}


@dataclass(frozen=True, slots=True)
class Headline:
    """One big number with its text; `fleet` gives its colour."""

    number: str
    words: str
    fleet: str


@dataclass(frozen=True, slots=True)
class Picture:
    """An SVG with its caption, and a description for people who cannot see it."""

    svg: Markup
    caption: str
    description: str


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """What was written; `curves` is a folder with a PNG and a CSV file for each picture."""

    page: Path
    as_json: Path
    curves: Path


def write_report(result: Result, folder: Path) -> ReportFiles:
    """Write all files. Raises InputError where the folder cannot be written."""
    files = ReportFiles(folder / "report.html", folder / "report.json", folder / CURVES)
    try:
        in_json = msgspec.json.format(msgspec.json.encode(report_fields(result)), indent=2)
        files.as_json.write_bytes(in_json + b"\n")
        files.page.write_text(render(result), encoding="utf-8")
        files.curves.mkdir(exist_ok=True)
        for name, curve in curves_of(result).items():
            histogram.save_png(histogram.DRAWN[name](result), files.curves / f"{name}.png")
            _write_csv(curve, files.curves / f"{name}.csv")
    except OSError as error:
        raise InputError(f"--out: {folder}: cannot be written: {error.strerror}") from None
    return files


def _write_csv(curve: Curve, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(curve.heads)
        writer.writerows(curve.rows)


def render(result: Result) -> str:
    """The HTML page of a replay."""
    environment = Environment(
        loader=PackageLoader("controller.demo", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(TEMPLATE).render(
        fields=report_fields(result),
        headlines=_headlines(result),
        pictures=_pictures(result),
        timeline=[
            (_stamp(entry.at_ms), _WHOSE[entry.whose], entry.whose.value, entry.text)
            for entry in night.TIMELINE
        ],
        stories=stories_of(result),
        reached=[(each.what, _stamp(each.at_ms), each.stored, each.meters) for each in result.reached],
        assumed=night.ASSUMED,
        refused=result.refused_plan,
        facts=_facts(result),
        colours={
            "card": histogram.CARD,
            "guarded": histogram.GUARDED,
            "wrong": histogram.WRONG,
            "ink": histogram.INK,
        },
        version=result.version,
        curves=CURVES,
    )


def _headlines(result: Result) -> list[Headline]:
    hours = [(way.back_ms - way.cut_ms) / HOUR_MS for way in result.ways_back]
    half, release = percentile(hours, 50), percentile(list(result.release_s.values()), 99)
    return [
        Headline(
            _count(len(result.early(Fleet.LEGACY))),
            f"of {_count(result.meters // 2)} households with a card meter cut before their date",
            "card",
        ),
        Headline(
            _count(len(result.early(Fleet.GUARDED))),
            "of the same households, with a guarded meter",
            "guarded",
        ),
        Headline(
            "—" if half is None else f"{half:.0f} h",
            "in the dark for half of those who came back by card; the others waited longer",
            "card",
        ),
        Headline(
            "—" if release is None else f"{release:.1f} s",
            f"until 99 of 100 had their supply back: {_count(len(result.off_before_release))} households "
            f"were in the dark, {_count(len(result.by_mistake))} of them by mistake",
            "guarded",
        ),
    ]


def _pictures(result: Result) -> dict[str, Picture]:
    night_cuts = len(result.night_cuts(Fleet.LEGACY))
    heard = len({each.meter for each in result.heard})
    return {
        "night": Picture(
            _drawn(result, "night"),
            "How many households were cut in each hour, from Thursday evening to Friday midnight.",
            f"Two rows of bars. Card meters: {night_cuts} cuts in the night of 2 July, most between 22:00 "
            f"and midnight. Guarded meters: {len(result.night_cuts(Fleet.GUARDED)) or 'none'}.",
        ),
        "dark": Picture(
            _drawn(result, "dark"),
            "Households without supply, over the nine days. The blue line rises on Monday: cuts in "
            "daylight, inside the permitted hours, and then the mistake of act two; it falls with the "
            "release.",
            "A line per fleet. The card meters' line jumps up in the night of 2 July and comes down during "
            "3 July.",
        ),
        "offsets": Picture(
            _drawn(result, "offsets"),
            "Every dot is a date that a guarded meter was told and did not take, as the controller saw it: "
            f"{heard} meters told of a clock that was a whole day ahead. Nobody had been cut by it.",
            "A row of dots at plus 24 hours, from 23:00 to 09:00; the meters themselves stay at zero.",
        ),
        "back": Picture(
            _drawn(result, "back"),
            "The way back. On the left hours, on the right seconds.",
            "Two histograms: hours in the dark by card; seconds by release.",
        ),
        "week": Picture(
            _drawn(result, "week"),
            "All cuts of the nine days, by hour. Guarded meters cut on Monday, between 08:00 and 15:00, "
            "and at no other time: they are not simply dead.",
            "Two rows of bars over nine days.",
        ),
    }


def _drawn(result: Result, name: str) -> Markup:
    svg = histogram.as_svg(histogram.DRAWN[name](result), name)
    return Markup(svg)  # noqa: S704 # drawn here, from numbers


def _facts(result: Result) -> list[tuple[str, str]]:
    fields = report_fields(result)
    paid, credited = fields["topups"]["paid"], fields["topups"]["credited"]
    release = fields["release"]
    return [
        ("cuts by card meters before their date", _count(fields["legacy"]["early_cuts"])),
        ("cuts by guarded meters before their date", _count(fields["guarded"]["early_cuts"])),
        (
            "cuts by guarded meters inside the permitted hours",
            _count(fields["guarded"]["cuts_inside_windows"]),
        ),
        ("cuts by guarded meters outside them", _count(fields["guarded"]["cuts_outside_windows"])),
        ("meters that were off before the release", _count(release["meters"])),
        ("release, half of them within", _seconds(release["seconds_p50"])),
        ("release, 99 of 100 within", _seconds(release["seconds_p99"])),
        ("paid for guarded meters", f"{paid // 100:,}.{paid % 100:02d} €".replace(",", " ")),
        ("credited by guarded meters", f"{credited // 100:,}.{credited % 100:02d} €".replace(",", " ")),
        ("messages over MQTT", _count(fields["messages"]["published"])),
        ("the replay took", f"{result.wall_seconds:.0f} s"),
    ]


def _seconds(value: float | None) -> str:
    return "—" if value is None else f"{value:.2f} s"


def _count(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _stamp(instant_ms: int) -> str:
    moment = datetime_from_ms(instant_ms, _ZONE)
    return f"{moment:%a} {moment.day} {moment:%B}, {moment:%H:%M}"
