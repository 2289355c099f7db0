"""A secure client that talks to a DLMS connection by its bytes; its ciphers are those of dlms-cosem."""

from dlms_cosem.security import SecurityControlField, encrypt, gmac

from emulator.faces.dlms.association import Guards
from emulator.faces.dlms.ciphering import Ciphered, SecurityKeys, protect, unprotect
from emulator.faces.dlms.security import MeterSecurity, SecurityPolicy, SecuritySettings, system_title
from emulator.faces.dlms.session import SharedState
from emulator.faces.dlms.values import write_length
from emulator.faces.locking import PasswordLock
from tests.emulator.faces.dlms.talking import PASSWORD, Talk

KEYS = SecurityKeys(bytes(range(16)), bytes(range(0xD0, 0xE0)))
METER, TITLE = system_title("m1"), b"TST\x00\x00\x00\x00\x01"
CIPHERED, GMAC = "a109060760857405080103", "8a0207808b0760857405080205"
CHALLENGE = b"K56iVagY"
INITIATE = bytes.fromhex("01000000065f1f0400 401e1d 0400")


def shared(policy: SecurityPolicy = SecurityPolicy.AUTHENTICATED_AND_ENCRYPTED) -> SharedState:
    settings = SecuritySettings(KEYS, bytes(32), policy)
    return SharedState(Guards(PasswordLock(PASSWORD), MeterSecurity(settings, METER)))


def _field(tag: int, data: bytes) -> str:
    return bytes((tag, len(data))).hex() + data.hex()


class SecureTalk(Talk):
    """Client 1. It counts its messages from `counter` on."""

    def __init__(self, state: SharedState | None = None, counter: int = 1) -> None:
        self.state = state or shared()
        super().__init__(self.state)
        self.counter = counter
        self.keys, self.title, self.control = KEYS, TITLE, 0x30
        self.asked = b""

    @property
    def security(self) -> MeterSecurity:
        assert self.state.guards.security is not None
        return self.state.guards.security

    def ciphered(self, plain: bytes) -> bytes:
        """Protected, with the next counter."""
        counter, self.counter = self.counter, self.counter + 1
        if self.control != 0x30:
            return protect(self.keys, self.title, self.control, counter, plain)
        both = SecurityControlField(0, authenticated=True, encrypted=True)
        text = encrypt(both, self.title, counter, self.keys.encryption, plain, self.keys.authentication)
        return b"\x30" + counter.to_bytes(4, "big") + bytes(text)

    def opening(
        self, challenge: bytes = CHALLENGE, context: str = CIPHERED, mechanism: str = GMAC, user: bytes = b""
    ) -> bytes:
        """An AARQ."""
        proposed = user or self.ciphered(INITIATE)
        user = user or bytes((0x21, len(proposed))) + proposed
        body = bytes.fromhex(
            context
            + _field(0xA6, bytes((0x04, len(self.title))) + self.title)
            + mechanism
            + _field(0xAC, bytes((0x80, len(challenge))) + challenge)
            + _field(0xBE, bytes((0x04, len(user))) + user)
        )
        return b"\x60" + write_length(len(body)) + body

    def ask(self, opening: bytes | None = None) -> str:
        """Send an AARQ, and keep the meter's challenge."""
        answer = self.say(opening or self.opening(), 1)
        at = answer.find("aa128010")
        self.asked = bytes.fromhex(answer[at + 8 : at + 40]) if at >= 0 else b""
        return answer

    def proof(self) -> bytes:
        """The proof of this client, as it asks for the meter's."""
        only = SecurityControlField(0, authenticated=True, encrypted=False)
        keys = self.keys
        mac = gmac(only, self.title, self.counter, keys.encryption, keys.authentication, self.asked)
        proof = b"\x10" + self.counter.to_bytes(4, "big") + mac
        return bytes.fromhex("c301c1000f0000280000ff0101 0911") + bytes(proof)

    def serve(self, plain: bytes | str, *, general: bool = False) -> str:
        """The answer to a request, deciphered; an exception as it comes."""
        plain = bytes.fromhex(plain) if isinstance(plain, str) else plain
        sent = self.ciphered(plain)
        tag = b"\xdb\x08" + self.title if general else bytes((plain[0] + 8,))
        return self.read(self.say(tag + bytes((len(sent),)) + sent, 1))

    def read(self, answer: str) -> str:
        """What the meter has said."""
        data = bytes.fromhex(answer)
        if data[:1] == b"\xd8":
            return answer
        at = 10 if data[0] == 0xDB else 1
        at += 1 + (data[at] & 0x7F if data[at] & 0x80 else 0)
        counter = int.from_bytes(data[at + 1 : at + 5], "big")
        return unprotect(KEYS, METER, Ciphered(data[at], counter, data[at + 5 :])).hex()

    def prove(self) -> str:
        return self.serve(self.proof())


def associated(state: SharedState | None = None, counter: int = 1) -> SecureTalk:
    """A client whose proof was right."""
    talk = SecureTalk(state, counter)
    assert "a10302010e" in talk.ask()
    assert talk.prove()[:18] == "c701c1000100091110"
    return talk
