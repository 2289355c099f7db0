"""Mail for real: a reminder as a message, a mail server by URL, and the message in which one comes back.

The standard library speaks SMTP and reads mail. What matters here is to know at each step whether a mail has
gone. Before the text is sent it has not; once the server has answered to the text, the answer says it; where
the connection breaks in between, nobody knows.
"""

import re
import smtplib
import ssl
from datetime import datetime
from email import policy
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.utils import format_datetime
from typing import Final
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from controller.reactivation.rules import NoticeState
from protocols.errors import InputError, UnreachableError, quoted
from protocols.instants import datetime_from_ms
from protocols.languages.reactivation import Letter, plain_text

# A server that does not answer for so long does not answer (RFC 5321 4.5.3.2 asks for minutes; people wait).
_PATIENCE_S: Final = 30.0
# But once it has the text: who leaves before the answer does not know whether it has gone (the same, .6).
_ANSWER_PATIENCE_S: Final = 600.0
_ALLOWED: Final = (
    "allowed: smtp://HOST:PORT or smtps://HOST:PORT, with USER@ before HOST where it asks for one"
)
_PORTS: Final = {"smtp": 25, "smtps": 465}
_ENHANCED: Final = re.compile(r"\s+")
# Not every server carries more (RFC 6152).
_SEVEN_BIT: Final = policy.SMTP.clone(cte_type="7bit")
_GONE: Final = 250
_READY: Final = 354
# A line of the text that begins with a dot gets another one (RFC 5321 4.5.2).
_DOTTED: Final = re.compile(rb"^\.", re.MULTILINE)
_REFUSED: Final = 500
# An enhanced code (RFC 3463 2), as it stands at the beginning of an answer (RFC 2034 4).
_CODED: Final = re.compile(r"5\.([0-9]{1,3})\.[0-9]{1,3}(?![.0-9])")
# What is the mailbox's fault: its address, or its own state (RFC 3463 3.2, 3.3).
_OF_MAILBOX: Final = frozenset({"1", "2"})
# The same of an answer without such a code: no such mailbox, moved, no such name (RFC 5321 4.2.3).
_BARE_OF_MAILBOX: Final = frozenset({550, 551, 553})


class MailServer(Struct, frozen=True, kw_only=True):
    """Where mail is handed over. With a `user` its password comes from the environment."""

    host: str
    port: int
    encrypted: bool
    user: str | None = None
    password: str = ""


class Handed(Struct, frozen=True):
    """What became of a reminder that was handed over; `reason` where it was not simply taken.

    `stops`: the next one would fare no better, so the run ends; it says nothing against this address.
    """

    state: NoticeState
    reason: str = ""
    stops: bool = False


class CameBack(Struct, frozen=True, kw_only=True):
    """A mail that came back: the Message-ID of the mail, and why. `final` False: it is only late so far."""

    message_id: str
    reason: str
    final: bool


def read_server(text: str, password: str, where: str) -> MailServer:
    """A mail server by its URL. Raises InputError."""
    try:
        parts = urlsplit(text)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        raise InputError(f"{where}: {quoted(text)}; {_ALLOWED}") from None
    if port is None or parts.scheme not in _PORTS or not parts.hostname or parts.password:
        raise InputError(f"{where}: {quoted(_without_password(text))}; {_ALLOWED}")
    user = unquote(parts.username) if parts.username else None
    return MailServer(
        host=parts.hostname, port=port, encrypted=parts.scheme == "smtps", user=user, password=password
    )


def read_address(text: str, where: str) -> str:
    """The address of a mailbox, as ASCII. Raises InputError."""
    try:
        found = Address(addr_spec=text.strip())
    except (ValueError, IndexError, MessageError):
        raise InputError(f"{where}: {quoted(text)}; allowed: an address such as anna@example.be") from None
    if not (found.username and "." in found.domain and found.addr_spec.isascii()):
        raise InputError(f"{where}: {quoted(text)}; allowed: an address such as anna@example.be")
    return found.addr_spec


def write_mail(letter: Letter, *, message_id: str, to: str, sender: str, at: datetime) -> EmailMessage:
    """A reminder as a mail. It says that a machine sent it (RFC 3834), so that no other machine answers."""
    mail = EmailMessage(policy=_SEVEN_BIT)
    mail["Subject"] = letter.subject
    mail["From"] = str(Address(letter.sender, addr_spec=sender))
    mail["To"] = to
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{message_id}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(plain_text(letter))
    mail["Content-Language"] = letter.language
    return mail


class Mailer:
    """One connection to a mail server, opened with the first mail, and again after it was lost."""

    def __init__(self, server: MailServer, sender: str) -> None:
        self._server = server
        self._sender = sender
        self.shown = f"mail server {server.host}:{server.port}"
        self._open: smtplib.SMTP | None = None

    def connect(self) -> smtplib.SMTP:
        """The open connection. Raises UnreachableError where the server is away or refuses us."""
        if self._open is not None:
            return self._open
        try:
            self._open = self._connected()
        except (OSError, smtplib.SMTPException) as error:
            raise UnreachableError(f"{self.shown}: {_line(error)}") from None
        return self._open

    def hand_over(self, letter: Letter, message_id: str, to: str, now_ms: int) -> Handed:
        """Hand a mail over. Raises UnreachableError where it has certainly not gone and no other can go."""
        mail = write_mail(
            letter, message_id=message_id, to=to, sender=self._sender, at=datetime_from_ms(now_ms)
        )
        connection = self.connect()
        try:
            refusal = self._announce(connection, to) or self._ask_for_text(connection)
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            raise UnreachableError(f"{self.shown}: {_line(error)}") from None
        if refusal is not None:
            return refusal
        try:
            code, answer = _give_text(connection, mail.as_bytes())
        except (OSError, smtplib.SMTPException) as error:
            # The text was on its way: whether the server has taken it nobody can say. A server that is silent
            # once would be so at the next, and each would have to be looked for in its log.
            self.close()
            reason = f"the connection broke while it was sent: {_line(error)}"
            return Handed(NoticeState.SENDING, reason, stops=True)
        if code == _GONE:
            return Handed(NoticeState.SENT)
        self._reset(connection)
        return _refused(code, answer)

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        context = ssl.create_default_context()
        opened = (
            smtplib.SMTP_SSL(server.host, server.port, timeout=_PATIENCE_S, context=context)
            if server.encrypted
            else smtplib.SMTP(server.host, server.port, timeout=_PATIENCE_S)
        )
        opened.ehlo()
        if not server.encrypted and opened.has_extn("starttls"):
            opened.starttls(context=context)
            opened.ehlo()
        elif not server.encrypted and server.user:
            opened.close()
            raise smtplib.SMTPException("it offers no encryption, and a password is never sent without")
        if server.user:
            opened.login(server.user, server.password)
        return opened

    def _announce(self, connection: smtplib.SMTP, to: str) -> Handed | None:
        """Say sender and receiver; the refusal of the receiver. Raises SMTPException for the sender's."""
        code, answer = connection.mail(self._sender)
        if code != _GONE:
            raise smtplib.SMTPException(f"it refuses {self._sender}: {code} {_text(answer)}")
        code, answer = connection.rcpt(to)
        if code in {250, 251}:
            return None
        self._reset(connection)
        return _refused(code, answer)

    def _ask_for_text(self, connection: smtplib.SMTP) -> Handed | None:
        """Announce the text; the refusal of it."""
        code, answer = connection.docmd("data")
        if code == _READY:
            return None
        # Sender and receiver still stand, and a second MAIL is refused (RFC 5321 4.1.4).
        self._reset(connection)
        return _refused(code, answer)

    def _reset(self, connection: smtplib.SMTP) -> None:
        """Make ready for the next mail; where that fails, it gets a connection of its own."""
        try:
            connection.rset()
        except (OSError, smtplib.SMTPException):
            self.close()

    def close(self) -> None:
        """Close the connection, if there is one. The next mail opens another."""
        if self._open is not None:
            self._open.close()
        self._open = None


def _give_text(connection: smtplib.SMTP, text: bytes) -> tuple[int, bytes]:
    """Send the text, and wait for the answer for as long as a server may take to store it."""
    ended = text if text.endswith(b"\r\n") else text + b"\r\n"
    connection.send(_DOTTED.sub(b"..", ended) + b".\r\n")
    _wait_for(connection, _ANSWER_PATIENCE_S)
    answered = connection.getreply()
    _wait_for(connection, _PATIENCE_S)
    return answered


def _wait_for(connection: smtplib.SMTP, patience_s: float) -> None:
    if connection.sock is not None:
        connection.sock.settimeout(patience_s)


def read_bounce(data: bytes, where: str) -> CameBack:
    """The mail in which a server says what became of one of ours (RFC 3464). Raises InputError."""
    message = BytesParser(policy=policy.default).parsebytes(data)
    status = [part for part in message.walk() if part.get_content_type() == "message/delivery-status"]
    if not status or message.get_content_type() != "multipart/report":
        raise InputError(f"{where}: is no delivery status notification (RFC 3464); allowed: one mail a file")
    identity = _original_id(message)
    if not identity:
        raise InputError(f"{where}: does not say the Message-ID of the mail that came back")
    blocks = status[0].get_payload()
    fields = [block for block in blocks if isinstance(block, Message)] if isinstance(blocks, list) else []
    told = [block for block in fields if block["Action"]]
    final = any(str(block["Action"]).strip().lower() == "failed" for block in told)
    reason = " ".join(str(block["Diagnostic-Code"] or block["Status"] or "") for block in told)
    return CameBack(message_id=identity, reason=_ENHANCED.sub(" ", reason).strip()[:200], final=final)


def _original_id(message: Message) -> str:
    for part in message.walk():
        if part.get_content_type() == "message/rfc822":
            inner = part.get_payload()
            original = inner[0] if isinstance(inner, list) and inner else None
            if isinstance(original, Message) and original["Message-ID"]:
                return str(original["Message-ID"]).strip()
        if part.get_content_type() == "text/rfc822-headers":
            payload = part.get_payload(decode=True)
            if isinstance(payload, bytes):
                headers = BytesParser(policy=policy.default).parsebytes(payload, headersonly=True)
                if headers["Message-ID"]:
                    return str(headers["Message-ID"]).strip()
    return ""


def _refused(code: int, answer: bytes | str) -> Handed:
    """What a server's refusal means: for a while, for this mailbox for good, or of us altogether."""
    text = _text(answer)
    reason = f"{code} {text}"
    if code < _REFUSED:
        return Handed(NoticeState.PLANNED, reason)
    coded = _CODED.match(text)
    of_mailbox = code in _BARE_OF_MAILBOX if coded is None else coded[1] in _OF_MAILBOX
    if of_mailbox:
        return Handed(NoticeState.BOUNCED, reason)
    # To take "relay access denied" for a mailbox's fault would burn the address of every household.
    return Handed(NoticeState.PLANNED, reason, stops=True)


def _text(answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return _ENHANCED.sub(" ", text).strip()[:200]


def _line(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_text(error.smtp_error)}"
    strerror = getattr(error, "strerror", None)
    return _text(strerror or str(error) or type(error).__name__)


def _without_password(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    return f"{scheme}{separator}{'…@' if '@' in rest else ''}{rest.rpartition('@')[2]}"
