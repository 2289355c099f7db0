"""The client of Gurux reads every attribute, and reads what our faces say: a process of its own, apart."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from emulator.faces.dlms.association import Association
from emulator.faces.dlms.ciphering import SecurityKeys
from emulator.faces.dlms.model import Client
from emulator.faces.dlms.security import SecuritySettings
from emulator.faces.dlms.values import Datum, Tag
from emulator.faces.places import FacePlace, PlaceKind
from emulator.faces.view import FaceView
from emulator.onsite.running import FaceChoice
from protocols.reasons import Energy
from tests.emulator.faces.views import installed
from tests.emulator.onsite.at_work import with_faces

Json = Any
FOLDER = Path(sys.prefix) / "gurux"
PROBE = Path(__file__).parent / "gurux" / "probe.py"
# Their path, and nothing of ours.
RUN = """import runpy, sys
sys.path.insert(0, sys.argv[1])
del sys.argv[:2]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
PASSWORD = "secret"
KEYS = SecurityKeys(bytes(range(16)), bytes(range(0xD0, 0xE0)))
TCP = FaceChoice(
    dlms=FacePlace(PlaceKind.TCP, host="127.0.0.1"),
    dlms_password=PASSWORD,
    dlms_security=SecuritySettings(KEYS, bytes(32)),
)
# What is another value at each look, or of each association.
MOVES = ("8/0.0.1.0.0.255/2", "15/", "1/0.0.43.1.0.255/2", "64/0.0.43.0.0.255/")
ENTRY: dict[Client, dict[str, Json]] = {
    Client.READER: {"password": PASSWORD},
    Client.MANAGEMENT: {
        "title": b"GRX\x00\x00\x00\x00\x01".hex(),
        "encryption": KEYS.encryption.hex(),
        "authentication": KEYS.authentication.hex(),
        "counter": 100,
    },
}


def probe(place: str, client: Client) -> dict[str, Json]:
    """What their client has read."""
    if not FOLDER.is_dir():
        pytest.skip("the client of Gurux is not here; `make test` brings it (tools/need-gurux)")
    words = json.dumps({"place": place, "client": client, **ENTRY[client]})
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", RUN, str(FOLDER), str(PROBE), words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Json] = json.loads(done.stdout)
    return found


def plain(value: Datum) -> Json:
    """A value of ours as the probe prints it."""
    match value.tag:
        case Tag.NULL:
            return None
        case Tag.ARRAY | Tag.STRUCTURE:
            return [plain(each) for each in value.items] or None
        case Tag.OCTET_STRING:
            return value.octets.hex()
        case Tag.VISIBLE_STRING | Tag.UTF8_STRING:
            return value.octets.decode()
        case Tag.BIT_STRING:
            return "".join(f"{each:08b}" for each in value.octets)[: value.number]
        case Tag.BOOLEAN:
            return bool(value.number)
    return value.number


def shown(view: FaceView) -> dict[str, Json]:
    """What our objects say."""
    return {
        f"{each.class_id}/{'.'.join(str(byte) for byte in each.name)}/{at}": plain(each.read(at, view))
        for each in Association(Client.READER, 0, 1_024).objects(view)
        for at in (1, *each.readings)
    }


def compared(values: Mapping[str, Json]) -> dict[str, Json]:
    return {each: values[each] for each in values if not each.startswith(MOVES)}


# The wrapper over TCP, HDLC on a terminal, HDLC over TCP; and which meter is read so.
WAYS = {
    "tcp": (PlaceKind.TCP, False, Energy.ELECTRICITY),
    "hdlc:pty": (PlaceKind.PTY, True, Energy.GAS),
    "hdlc:tcp": (PlaceKind.TCP, True, Energy.ELECTRICITY),
}


@pytest.mark.parametrize("client", list(ENTRY))
@pytest.mark.parametrize("way", list(WAYS))
def test_every_attribute_is_read_every_way_by_every_client(tmp_path: Path, client: Client, way: str) -> None:
    kind, is_hdlc, energy = WAYS[way]
    meter = installed(energy=energy, load_w=0, balance_eur="12.34")
    place = FacePlace(kind, path=str(tmp_path / "dlms")) if kind is PlaceKind.PTY else TCP.dlms
    choice = replace(TCP, dlms=place, dlms_hdlc=is_hdlc)
    found = with_faces(meter, choice, lambda places: probe(places["dlms"], client))
    ours = shown(meter.view())
    secured = {"64/0.0.43.0.0.255/" + str(at) for at in range(1, 6)} | {
        f"1/0.0.43.1.0.255/{at}" for at in (1, 2)
    }
    assert found.keys() == ours.keys() | secured
    assert compared(found) == compared(ours) | {"1/0.0.43.1.0.255/1": "00002b0100ff"}
    assert found["15/0.0.40.0.0.255/3"] == [int(client), 1]
