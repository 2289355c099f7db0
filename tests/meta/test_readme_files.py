"""The files that README.md tells a person to use: the settings, and the broker's configuration."""

import re
import subprocess
from pathlib import Path

from tests.brokers.running import Mosquitto

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PASSPHRASE_CHARS_MIN = 12


def test_the_settings_can_be_read_by_a_shell_and_name_what_the_programs_read() -> None:
    done = subprocess.run(
        ["sh", "-c", ". docs/relance.env && env"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = dict(line.split("=", 1) for line in done.stdout.splitlines() if line.startswith("RELANCE_"))
    assert {"RELANCE_HOME", "RELANCE_BROKER", "RELANCE_PASSPHRASE"} <= set(found)
    assert len(found["RELANCE_PASSPHRASE"]) >= PASSPHRASE_CHARS_MIN


def test_every_terminal_begins_with_the_environment_and_the_settings() -> None:
    _, _, fleet = README.partition("## A fleet in ")
    blocks = re.findall(r"```console\n(.*?)```", fleet.partition("## Finding")[0], re.DOTALL)
    assert all(". .venv/bin/activate; . ./relance.env" in block for block in blocks[:4])


def test_no_date_of_readme_ages() -> None:
    assert re.findall(r"--(?:until|from) [\"']?20[0-9][0-9]", README) == []


def test_mosquitto_starts_with_the_file_that_readme_names(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    text = (ROOT / "docs" / "mosquitto.conf").read_text(encoding="utf-8")
    assert text.count("listener 1883 127.0.0.1\n") == 1
    (tmp_path / "mosquitto.conf").write_text(
        text.replace("listener 1883", f"listener {broker.address.port}"), encoding="utf-8"
    )
    broker.start()
    broker.stop()
