"""The page is readable by day and in the dark: its colours have names, and stand out from the paper."""

import re

import pytest

from controller.demo.report import render
from tests.controller.demo.test_report import made

PAGE = render(made())
ROOTS = re.findall(r":root \{(.*?)\}", PAGE, re.DOTALL)
LIGHT, DARK = (dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6});", root)) for root in ROOTS[:2])
DRAWINGS = re.findall(r"<svg.*?</svg>", PAGE, re.DOTALL)
# Lines and paper may be faint; whatever is text, and every curve, may not.
READ = ("card", "guarded", "wrong", "ink", "soft", "text")
# WCAG 2.1, success criterion 1.4.3: text against what is behind it.
CONTRAST_MIN = 4.5


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(each * 2 for each in digits) if len(digits) == 3 else digits
    shares = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (
        each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in shares
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_every_colour_that_is_used_has_a_light_and_a_dark_value() -> None:
    used = set(re.findall(r"var\(--(\w+)", PAGE))
    assert used == set(LIGHT) == set(DARK)


def test_the_drawings_take_their_colours_from_the_page() -> None:
    assert len(DRAWINGS) == 5
    for drawing in DRAWINGS:
        assert "var(--ink" in drawing
        assert re.findall(r"(?:fill|stroke): ?#[0-9a-f]+", drawing) == []


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_what_is_read_stands_out_from_paper_and_sheet(colours: dict[str, str], name: str) -> None:
    for behind in ("paper", "sheet"):
        assert contrast(colours[name], colours[behind]) >= CONTRAST_MIN


def test_print_is_for_a4_and_dark_is_for_screens_alone() -> None:
    assert "@page { size: A4;" in PAGE
    assert re.findall(r"@media [^{]*prefers-color-scheme[^{]*", PAGE) == [
        "@media screen and (prefers-color-scheme: dark) "
    ]
