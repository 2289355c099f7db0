"""The optical port as a program that is not ours finds it, over a terminal and over RFC 2217."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import serial
from iec62056_21.client import Iec6205621Client
from iec62056_21.messages import CommandMessage, DataSet

from emulator.faces.places import FacePlace, PlaceKind, read_place
from emulator.onsite.running import FaceChoice
from emulator.scenario.form_meters import Firmware
from protocols.link.records import ClaimHeard
from protocols.reasons import ClaimSource, ClaimVerdict
from tests.emulator.faces.views import installed
from tests.emulator.onsite.at_work import with_faces


def talk(places: Mapping[str, str]) -> dict[str, str]:
    """A readout, then the programming mode, by iec62056-21 0.0.2.

    It cannot send the password (the message is made by hand), and it cannot repeat anything.
    """
    client = Iec6205621Client.with_serial_transport(read_place(places["optical"], "").path)
    client.transport.timeout = 10
    client.connect()
    found = {each.address: each.value for each in client.standard_readout().data if each.address}
    client.transport.send(b"\x06")
    client.disconnect()
    client.connect()
    client.access_programming_mode()
    password = CommandMessage("P", 1, DataSet(address="", value="00000000"))
    client.transport.send(password.to_bytes())
    assert client._recv_ack() == "\x06"
    assert client.read_single_value("1.8.0").unit == "kWh"
    client.write_single_value("0.9.4", "200102030405")
    found["then"] = client.read_single_value("0.9.4").value
    client.send_break()
    client.disconnect()
    return found


FIRMWARES: list[tuple[Firmware, str, ClaimVerdict]] = [
    ("guarded", "200702230", ClaimVerdict.LOGGED),
    ("legacy-2020", "200102030", ClaimVerdict.OBEYED),
]


@pytest.mark.parametrize(("firmware", "then", "verdict"), FIRMWARES)
def test_a_reader_reads_and_a_date_is_obeyed_by_the_meter_of_2020_alone(
    firmware: Firmware, then: str, verdict: ClaimVerdict, tmp_path: Path
) -> None:
    meter = installed(firmware=firmware, profile="wallonia-card-2020")
    place = FacePlace(PlaceKind.PTY, path=str(tmp_path / "port"))
    found = with_faces(meter, FaceChoice(optical=place), talk)
    assert found["0.0.0"] == "m1"
    assert found["96.50.0"] == "20.00"
    assert found["then"].startswith(then)
    claims = [each.record for each in meter.noted if isinstance(each.record, ClaimHeard)]
    assert [(each.source, each.verdict) for each in claims] == [(ClaimSource.UNSIGNED, verdict)]
    assert meter.view().readout.glance.clock == "trusted"


def test_a_reader_that_forgets_to_switch_its_speed_gets_nothing_and_the_next_one_everything(
    tmp_path: Path,
) -> None:
    def read(places: Mapping[str, str]) -> tuple[bytes, bytes, bytes]:
        with serial.Serial(read_place(places["optical"], "").path, 300, timeout=4) as port:
            port.write(b"/?!\r\n")
            who = port.read_until(b"\n")
            port.write(b"\x06050\r\n")
            nothing = port.read(1)
            port.write(b"/?!\r\n")
            again = port.read_until(b"\n")
        return who, nothing, again

    place = FacePlace(PlaceKind.PTY, path=str(tmp_path / "port"))
    who, nothing, again = with_faces(installed(), FaceChoice(optical=place), read)
    assert who.startswith(b"/RLC5")
    assert (nothing, again) == (b"", who)
