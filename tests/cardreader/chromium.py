"""Debian's chromium, driven by Playwright, in front of a real `relance-kiosk serve`."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tools.tidy.project import ROOT

BIN = Path(sys.executable).parent
SCREENS = ROOT / "build" / "screens"
# A touch display at a counter, and a tablet held upright.
COUNTER = (1280, 800)
TABLET = (800, 1280)
# What no page may have. `moderate` and `minor` are advice.
_SERIOUS = ("serious", "critical")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without windows. As root it has no sandbox; it sees nothing but our pages."""
    found = shutil.which("chromium")
    assert found, "the screen's tests need Debian's chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def served(folder: Path, *options: str) -> Iterator[str]:
    """The address of a screen for practice, with the card of a folder; SIGTERM ends it."""
    words = [str(BIN / "relance-kiosk"), "serve", "--reader", "virtual:card.bin", "--port", "0", *options]
    with subprocess.Popen(
        words, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as kiosk:
        assert kiosk.stdout is not None
        assert kiosk.stderr is not None
        line = kiosk.stdout.readline()
        assert line.startswith("screen: http://"), kiosk.stderr.read()
        try:
            yield line.removeprefix("screen: ").strip().rstrip("/")
        finally:
            kiosk.send_signal(signal.SIGTERM)
            _out, errors = kiosk.communicate(timeout=20)
        assert kiosk.returncode == 0
        assert "Traceback" not in errors, errors
        assert not [each for each in errors.splitlines() if each.startswith("screen: ")], errors


def program(name: str, *words: str, cwd: Path) -> str:
    """What one of our programs prints; it must end well."""
    done = subprocess.run([BIN / name, *words], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def barriers(page: Page) -> list[str]:
    """The serious faults that axe-core finds on a page."""
    found = Axe().run(page).response["violations"]
    return [
        f"{page.url}: {each['id']}: {node['html'][:120]}"
        for each in found
        if each["impact"] in _SERIOUS
        for node in each["nodes"]
    ]


def keep(page: Page, name: str) -> None:
    """A picture of the page, as an artefact of the run."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENS / f"{name}.png", full_page=True)


def overflows(page: Page) -> bool:
    """Whether a page must be scrolled sideways."""
    return bool(
        page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth + 1")
    )
