"""Ctrl-C while a command waits: it ends with 130, says nothing of its inside, and what it signed stays."""

import signal
import subprocess
from pathlib import Path

import pytest

from tests.controller.faces.cli.invocation import RELANCE, call, environment

PATIENCE_S = 60.0


@pytest.mark.parametrize(
    ("argv", "begins"),
    [
        (("status", "--watch"), "Service: "),
        (("release", "m00001", "--wait", "--patience", "3000"), "o000001: supply back"),
        (("release", "--all", "--wait", "--patience", "3000"), "o000001: supply back"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_a_command_that_waits_ends_at_ctrl_c(home: Path, argv: tuple[str, ...], begins: str) -> None:
    settings = environment(home, PYTHONUNBUFFERED="1")
    with subprocess.Popen(
        [RELANCE, *argv], env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as waiting:
        try:
            assert waiting.stdout is not None
            assert waiting.stdout.readline().startswith(begins)
            waiting.send_signal(signal.SIGINT)
            _, err = waiting.communicate(timeout=PATIENCE_S)
        finally:
            waiting.kill()
    assert waiting.returncode == 130
    said = "You wait no longer; the release stays in force, and `relance serve` goes on sending it. "
    look = "To look again: `relance orders show o000001`, or `relance status`.\n"
    assert err.endswith(said + look if "release" in argv else ""), err
    assert len(err.splitlines()) <= 2 * ("release" in argv)
    orders = call(home, "orders", "list", "--json").found["orders"]
    assert [order["state"] for order in orders] == ["active"] * ("release" in argv)
