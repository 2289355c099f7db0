# SPDX-License-Identifier: GPL-2.0-only
"""Reads a meter with the DLMS client of Gurux, attribute by attribute, and prints what it found as JSON.

The client is of GPL-2.0, and so is this program. Nothing of ours imports it: test_gurux.py starts it as a
process of its own, with the client's folder on its path and nothing else (tools/need-gurux). Its argument is
JSON: `place` of the face, `client`, and either nothing more, or `password`, or `title`, `encryption`,
`authentication` (bytes in hex) and `counter`.
"""

import contextlib
import json
import os
import select
import socket
import sys
from typing import Any, Final

from gurux_dlms import GXByteBuffer, GXReplyData
from gurux_dlms.enums import Authentication, InterfaceType, ObjectType, Security
from gurux_dlms.GXBitString import GXBitString
from gurux_dlms.secure import GXDLMSSecureClient

WAIT_S: Final = 30
PROFILE, BUFFER = 7, 2
# Values and objects of the client, which ships no types.
Theirs = Any


class Wire:
    """A line to a meter: a terminal by its path, or TCP."""

    def __init__(self, place: str) -> None:
        kind, _, rest = place.partition(":")
        if kind == "pty":
            self._file = os.open(rest, os.O_RDWR | os.O_NOCTTY)
        else:
            host, _, port = rest.rpartition(":")
            self._file = socket.create_connection((host, int(port)), WAIT_S).detach()

    def send(self, data: bytes) -> None:
        os.write(self._file, bytes(data))

    def receive(self) -> bytes:
        if not select.select([self._file], [], [], WAIT_S)[0]:
            raise TimeoutError
        return os.read(self._file, 4096)


class Probe:
    """A client and its line."""

    def __init__(self, wanted: dict[str, Any]) -> None:
        place = wanted["place"]
        is_hdlc = place.startswith("hdlc:")
        self.wire = Wire(place.removeprefix("hdlc:"))
        self.client = GXDLMSSecureClient(
            True,
            wanted["client"],
            1,
            Authentication.LOW if "password" in wanted else Authentication.NONE,
            wanted.get("password"),
            InterfaceType.HDLC if is_hdlc else InterfaceType.WRAPPER,
        )
        if "title" in wanted:
            self.client.authentication = Authentication.HIGH_GMAC
            ciphering = self.client.ciphering
            ciphering.security = Security.AUTHENTICATION_ENCRYPTION
            ciphering.systemTitle = bytearray.fromhex(wanted["title"])
            ciphering.blockCipherKey = bytearray.fromhex(wanted["encryption"])
            ciphering.authenticationKey = bytearray.fromhex(wanted["authentication"])
            ciphering.invocationCounter = wanted["counter"]

    def exchange(self, frames: Theirs) -> Theirs:
        """Send what the client wants to send, and take the answer whole."""
        reply = GXReplyData()
        for frame in frames if isinstance(frames, list) else [frames]:
            reply.clear()
            self._ask(frame, reply)
        while reply.isMoreData():
            self._ask(self.client.receiverReady(reply), reply)
        if reply.error:
            raise ValueError(f"refused: {reply.error}")
        return reply

    def _ask(self, frame: bytes, reply: Theirs) -> None:
        self.wire.send(frame)
        heard = GXByteBuffer()
        heard.set(self.wire.receive())
        while not self.client.getData(heard, reply):
            heard.set(self.wire.receive())

    def open(self) -> None:
        frame = self.client.snrmRequest()
        if frame:
            self.client.parseUAResponse(self.exchange(frame).data)
        self.client.parseAareResponse(self.exchange(self.client.aarqRequest()).data)
        if self.client.isAuthenticationRequired:
            reply = self.exchange(self.client.getApplicationAssociationRequest())
            self.client.parseApplicationAssociationResponse(reply.data)

    def read(self, item: Theirs, attribute: int) -> Theirs:
        reply = self.exchange(self.client.read(item, attribute)[0])
        # What its own model makes of the value: it must not refuse it.
        self.client.updateValue(item, attribute, reply.value)
        return plain(reply.value)

    def close(self) -> None:
        self.exchange(self.client.releaseRequest())
        if self.client.interfaceType == InterfaceType.HDLC:
            self.exchange(self.client.disconnectRequest(True))


def plain(value: Theirs) -> Theirs:
    """A value as JSON has it: bytes in hex, bits as text, an empty array as nothing (which it is to them)."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if isinstance(value, GXBitString):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value] or None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def run(wanted: dict[str, Any]) -> dict[str, Any]:
    """What was read, by class, logical name and attribute."""
    probe = Probe(wanted)
    probe.open()
    probe.client.parseObjects(probe.exchange(probe.client.getObjectsRequest()).data, True)
    own = probe.client.objects.findByLN(ObjectType.ASSOCIATION_LOGICAL_NAME, "0.0.40.0.0.255")
    found = {}
    for class_id, _, name, (attributes, _) in probe.read(own, 2):
        dotted = ".".join(str(each) for each in bytes.fromhex(name))
        item = probe.client.objects.findByLN(ObjectType(class_id), dotted)
        # The columns of a profile come before its rows: they say what these are.
        for attribute, _, _ in sorted(
            attributes, key=lambda of: (class_id == PROFILE and of[0] == BUFFER, of[0])
        ):
            found[f"{class_id}/{dotted}/{attribute}"] = probe.read(item, attribute)
    probe.close()
    return found


if __name__ == "__main__":
    # The client prints what it does.
    with contextlib.redirect_stdout(sys.stderr):
        values = run(json.loads(sys.argv[1]))
    json.dump(values, sys.stdout)
