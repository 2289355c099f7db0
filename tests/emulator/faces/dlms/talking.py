"""A client that talks to a DLMS connection by its bytes, for the tests of the meter's end."""

from itertools import count

from emulator.faces.dlms.association import Guards
from emulator.faces.dlms.connection import ConnectionDeed, SendFrame, WrappedConnection
from emulator.faces.dlms.session import SharedState
from emulator.faces.dlms.values import Cursor, Datum, read_value
from emulator.faces.dlms.wrapper import WrappedPdu, take_frame, write_frame
from emulator.faces.locking import PasswordLock
from tests.emulator.faces.views import view

VIEW = view()
PASSWORD = b"secret"  # of a test
CONTEXT = "a109060760857405080101"
SIMPLE = "8a0207808b0760857405080201ac088006736563726574"
# Everything that an association can agree on.
ALL = "001e1d"
GET_TIME = "c001c1 0008 0000010000ff 02 00"


def initiate(pdu_bytes: int = 1_024, conformance: str = "00101d", version: int = 6) -> str:
    """The user information of an AARQ."""
    return f"be10040e01000000{version:02x}5f1f0400{conformance}{pdu_bytes:04x}"


def aarq(*fields: str) -> bytes:
    body = bytes.fromhex("".join(fields))
    return bytes((0x60, len(body))) + body


PUBLIC = aarq(CONTEXT, initiate())
READER = aarq(CONTEXT, SIMPLE, initiate())


class Talk:
    """A client and a meter, and what the meter was brought."""

    def __init__(self, shared: SharedState | None = None) -> None:
        self.connection = WrappedConnection(shared or SharedState(Guards(PasswordLock(PASSWORD))))
        self.at_ms = 0
        self.view = VIEW
        self.brought: list[ConnectionDeed] = []

    def raw(self, data: bytes) -> tuple[ConnectionDeed, ...]:
        deeds = self.connection.hear(data, self.at_ms, self.view)
        self.brought += [each for each in deeds if not isinstance(each, SendFrame)]
        return deeds

    def say(self, pdu: bytes | str, source: int = 2) -> str:
        """The PDU that answers a PDU, in hex; empty: none."""
        data = bytes.fromhex(pdu) if isinstance(pdu, str) else pdu
        sent = [
            each for each in self.raw(write_frame(WrappedPdu(source, 1, data))) if isinstance(each, SendFrame)
        ]
        if not sent:
            return ""
        frame, rest = take_frame(sent[0].data)
        assert frame is not None
        assert (frame.source, frame.destination, rest) == (1, source, b"")
        return frame.pdu.hex()

    def get(self, wanted: str) -> Datum | str:
        """The value of an attribute, of its blocks if it comes in some; or how it is refused, in hex."""
        answer = bytes.fromhex(self.say(f"c001c1 {wanted}"))
        if answer[:2] == b"\xc4\x01":
            return answer[4:].hex() if answer[3] else whole(answer[4:])
        data = b""
        for block in count(1):
            assert answer[:2] + answer[4:9] == b"\xc4\x02" + block.to_bytes(4, "big") + b"\0"
            cursor = Cursor(answer[9:])
            data += cursor.take(cursor.length())
            if answer[3]:
                break
            answer = bytes.fromhex(self.say(f"c002c1 {block:08x}"))
        return whole(data)


def whole(data: bytes) -> Datum:
    """The one value that these bytes are."""
    cursor = Cursor(data)
    value = read_value(cursor)
    cursor.end()
    return value


def opened(pdu_bytes: int = 1_024, conformance: str = "00101d") -> Talk:
    """With the association of the reader."""
    talk = Talk()
    assert talk.say(aarq(CONTEXT, SIMPLE, initiate(pdu_bytes, conformance)))[:2] == "61"
    return talk
