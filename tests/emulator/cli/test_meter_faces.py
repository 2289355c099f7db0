"""`relance-emulator meter` with faces: as a person starts and stops it, with wrong words too."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import serial
from dlms_cosem import cosem, utils
from dlms_cosem.clients.dlms_client import DlmsClient
from dlms_cosem.enumerations import AuthenticationMechanism, CosemInterface
from dsmr_parser import telegram_specifications
from dsmr_parser.parsers import TelegramParser

from emulator.cli import main

BIN = Path(sys.executable).parent
TELEGRAM_BYTES = 4_000


@contextmanager
def running(*words: str, cwd: Path) -> Iterator[dict[str, str]]:
    """The faces of a meter that runs."""
    with told(*words, cwd=cwd) as line:
        yield line["faces"]


@contextmanager
def told(*words: str, cwd: Path) -> Iterator[dict[str, Any]]:
    """What a meter that runs has said of itself; at the end it is told to stop, and its status is 0."""
    command = [str(BIN / "relance-emulator"), "meter", *words, "--json"]
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, "it has ended"
            yield json.loads(line)
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_a_telegram_of_a_scenario_is_read_over_a_terminal(tmp_path: Path) -> None:
    words = ("--scenario", "guarded/night-h3", "sound", "--rate", "3600", "--p1", "pty:port")
    with running(*words, cwd=tmp_path) as faces:
        assert faces == {"p1": "pty:port"}
        with serial.Serial(str(tmp_path / "port"), 115200, timeout=20) as client:
            text = b""
            while b"!" not in text[text.find(b"/") :]:
                text += client.read_until(b"\n", TELEGRAM_BYTES)
                text = text[max(text.find(b"/"), 0) :]
    parsed = TelegramParser(telegram_specifications.BELGIUM_FLUVIUS).parse(text.decode("ascii"))
    assert parsed.P1_MESSAGE_TIMESTAMP.value.isoformat()[:4] == "2020"
    assert not (tmp_path / "port").is_symlink()


WRONG = [
    ((), "METER: missing; allowed: its name, or a face such as --p1 tcp:127.0.0.1:2000"),
    (("--scenario", "guarded/night-h3", "sound"), "no face; allowed: one of --p1, --optical, --dlms"),
    (("--p1", "tcp:here"), '--p1: "tcp:here"; allowed: tcp:HOST:PORT'),
    (("--p1", "pty:no/folder/port"), "--p1: no/folder/port: No such file or directory; allowed: "),
    (("--p1", "pty:taken"), "--p1: taken: it is there already; allowed: a path where nothing is"),
    (("--p1", "tcp:192.0.2.1:80"), "--p1: tcp:192.0.2.1:80: "),
    (("--p1", "tcp:127.0.0.1:0", "--firmware", "legacy-2020"), "--p1: a legacy-2020 meter has no such port"),
    (("--p1", "tcp:127.0.0.1:0", "--profile", "legacy-2020"), "--p1: a legacy-2020 meter has no such port"),
    (("--p1", "tcp:127.0.0.1:0", "--firmware", "old"), '--firmware: "old"; allowed: guarded, legacy-2020'),
    (("--p1", "tcp:127.0.0.1:0", "--rate", "0"), "--rate: 0; allowed: 0.001 to 1000000"),
    (("--p1", "tcp:127.0.0.1:0", "--rate", "1e308"), "--rate: 1e+308; allowed: 0.001 to 1000000"),
    (("--p1", "tcp:127.0.0.1:0", "--rate", "nan"), "--rate: nan; allowed: 0.001 to 1000000"),
    (("--p1", "tcp:127.0.0.1:0", "--p1-fault", "crk"), '--p1-fault: "crk"; did you mean crc? allowed: '),
    (("--p1", "tcp:127.0.0.1:0", "--p1-fault", "crc:0"), '--p1-fault: "crc:0"; allowed: crc, or crc:N'),
    (("--optical", "com1"), '--optical: "com1"; allowed: tcp:HOST:PORT'),
    (
        ("--optical", "tcp:127.0.0.1:0", "--optical-password", "a(b"),
        '--optical-password: "a(b"; allowed: 1 to 32 letters',
    ),
    (("--dlms", "tcp:127.0.0.1:0", "--firmware", "legacy-2020"), "--dlms: a legacy-2020 meter has no such"),
    (("--dlms", "tcp:127.0.0.1:0", "--dlms-keys", "00" * 31), '--dlms-keys: "0000'),
    (("--dlms", "tcp:127.0.0.1:0", "--dlms-keys", "taken"), "--dlms-keys: taken: allowed: 64 hex digits"),
    (("--dlms", "tcp:127.0.0.1:0", "--dlms-keys", "."), '--dlms-keys: ".": Is a directory; allowed: 64 hex'),
    (("--dlms", "tcp:127.0.0.1:0", "--dlms-policy", "2"), "--dlms-policy: 2; allowed: 1 (authenticated) or"),
    (("--dlms", "hdlc:"), '--dlms: ""; allowed: tcp:HOST:PORT, pty:PATH or'),
    (("--dlms", "hdlc:com1"), '--dlms: "com1"; allowed: tcp:HOST:PORT, pty:PATH or'),
    (("--dlms", "pty:dlms"), '--dlms: "pty:dlms"; allowed: tcp:HOST:PORT, such as tcp:127.0.0.1:4059'),
    (("--dlms", "tcp:127.0.0.1:0", "--dlms-password", ""), '--dlms-password: ""; allowed: 1 to 32 char'),
    (
        ("--console", "tcp:127.0.0.1:0", "--firmware", "legacy-2020", "--card", "card.bin"),
        "--card: a legacy-2020 meter reads no such card; allowed: the cards of a --scenario",
    ),
    (("--console", "tcp:127.0.0.1:0", "--card", "card.bin"), "card.bin: no such file; "),
    (("--p1", "tcp:127.0.0.1:0", "--state", "m.json"), "--state: not together with faces; allowed: "),
    (("--p1", "tcp:127.0.0.1:0", "--scenario", "none"), '"none": no such file; allowed: a scenario file'),
    (("--p1", "tcp:127.0.0.1:0", "--scenario", "guarded/night-h3", "x"), 'METER: "x"; allowed: a meter of'),
]


COUNTER = cosem.CosemAttribute(CosemInterface.DATA, cosem.Obis(0, 0, 43, 1, 0), 2)
KEYS = "000102030405060708090a0b0c0d0e0f", "d0d1d2d3d4d5d6d7d8d9dadbdcdddedf"


@pytest.mark.parametrize("typed", ["", "".join(KEYS), "keys.hex"])
def test_a_secure_client_opens_with_the_keys_that_are_printed_or_brought(tmp_path: Path, typed: str) -> None:
    (tmp_path / "keys.hex").write_text("".join(KEYS) + "\n")
    words = ["--dlms", "tcp:127.0.0.1:0", "--seed", "7", *(("--dlms-keys", typed) if typed else ())]
    with told(*words, cwd=tmp_path) as line:
        shown = line.get("dlms", {})
        assert bool(shown) == (not typed)
        keys = (shown["encryption_key"], shown["authentication_key"]) if shown else KEYS
        host, port = line["faces"]["dlms"].removeprefix("tcp:").split(":")
        with DlmsClient.with_tcp_transport(host, int(port), 16, 1).session() as opened:
            expected = utils.parse_as_dlms_data(opened.get(COUNTER))
        assert shown.get("invocation_counter", str(expected)) == str(expected)
        client = DlmsClient.with_tcp_transport(
            host,
            int(port),
            1,
            1,
            authentication_method=AuthenticationMechanism.HLS_GMAC,
            encryption_key=bytes.fromhex(keys[0]),
            authentication_key=bytes.fromhex(keys[1]),
            client_initial_invocation_counter=expected,
        )
        with client.session() as opened:
            assert opened.dlms_connection.meter_system_title[:3] == b"RLC"
            assert shown.get("system_title", "").encode() in (
                b"",
                opened.dlms_connection.meter_system_title.hex().encode(),
            )


@pytest.mark.parametrize(("words", "line"), WRONG)
def test_a_wrong_word_is_one_clear_line(
    words: tuple[str, ...],
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "taken").write_text("mine")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["relance-emulator", "meter", *words])
    assert main() == 2
    out, told = capsys.readouterr()
    assert (out, told.count("\n")) == ("", 1)
    assert told.startswith(line)
    assert [each.name for each in tmp_path.iterdir()] == ["taken"]
