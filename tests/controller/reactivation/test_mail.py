"""What comes back is read as mail servers write it; a server's URL and an address are checked."""

import smtplib
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from controller.reactivation.mail import (
    CameBack,
    Handed,
    Mailer,
    read_address,
    read_bounce,
    read_server,
    write_mail,
)
from controller.reactivation.rules import NoticeState
from protocols.errors import InputError, UnreachableError
from protocols.languages.reactivation import Letter
from tests.controller.reactivation.mail_server import MailBox

# As Postfix writes it, shortened: RFC 3464, with the headers of the mail that came back.
BOUNCE = """\
From: MAILER-DAEMON@mx.example.be (Mail Delivery System)
To: info@example.be
Subject: Undelivered Mail Returned to Sender
Message-Id: <20200604100001.4@mx.example.be>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mx.example.be.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.be
Arrival-Date: Thu, 4 Jun 2020 12:00:01 +0200 (CEST)

Final-Recipient: rfc822; h1@example.be
Action: {action}
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <h1@example.be>:
    Recipient address rejected: User unknown

--b
{returned}

--b--
"""
HEADERS = "Content-Type: text/rfc822-headers\n\nMessage-ID: <0123@example.be>\nSubject: x"
WHOLE = "Content-Type: message/rfc822\n\nMessage-ID: <0123@example.be>\nSubject: x\n\ntext"


@pytest.mark.parametrize("returned", [HEADERS, WHOLE])
@pytest.mark.parametrize(("action", "final"), [("failed", True), ("delayed", False), ("Failed", True)])
def test_a_bounce_says_which_mail_and_why(returned: str, action: str, *, final: bool) -> None:
    data = BOUNCE.format(action=action, returned=returned).encode()
    assert read_bounce(data, "x.eml") == CameBack(
        message_id="<0123@example.be>",
        reason="smtp; 550 5.1.1 <h1@example.be>: Recipient address rejected: User unknown",
        final=final,
    )


def test_what_is_no_bounce_is_refused() -> None:
    mail = EmailMessage()
    mail["Subject"] = "I am on holiday"
    mail.set_content("until Monday")
    with pytest.raises(InputError, match=r"x\.eml: is no delivery status notification \(RFC 3464\)"):
        read_bounce(bytes(mail), "x.eml")
    nameless = BOUNCE.format(action="failed", returned="Content-Type: text/plain\n\nx").encode()
    with pytest.raises(InputError, match="does not say the Message-ID"):
        read_bounce(nameless, "x.eml")


@given(st.binary(max_size=400) | st.binary(max_size=60).map(lambda b: BOUNCE.encode()[:700] + b))
def test_whatever_is_in_a_file_it_is_read_or_refused(data: bytes) -> None:
    with suppress(InputError):
        assert read_bounce(data, "x.eml").message_id


def self_signed(folder: Path) -> ssl.SSLContext:
    """A server's certificate for which nobody vouches."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    dated = made.serial_number(1).not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
    certificate = dated.not_valid_after(datetime(2100, 1, 1, tzinfo=UTC)).sign(key, hashes.SHA256())
    pem = folder / "mail.pem"
    written = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(written + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


LETTER = Letter(
    language="en",
    subject="Your meter",
    about="Meter",
    date="Thursday",
    greeting="Dear customer,",
    opening=(),
    steps=(),
    first_step=1,
    closing=(),
    farewell="Kind regards,",
    sender='The network, "DSO"',
)


def handed(url: str, password: str = "") -> Handed:
    mailer = Mailer(read_server(url, password, "--smtp"), "info@example.be")
    try:
        return mailer.hand_over(LETTER, "0123", "h1@example.be", 0)
    finally:
        mailer.close()


def test_a_server_that_nobody_vouches_for_gets_nothing(tmp_path: Path) -> None:
    with MailBox(self_signed(tmp_path)) as box:
        with pytest.raises(
            UnreachableError, match=r"mail server 127\.0\.0\.1:\d+: .*certificate verify failed"
        ):
            handed(box.url)
        assert box.mails == []


def test_a_password_is_never_sent_without_encryption(mailbox: MailBox) -> None:
    with pytest.raises(UnreachableError, match="a password is never sent without") as caught:
        handed(mailbox.url.replace("//", "//anna@"), "secret-word")
    assert "secret-word" not in str(caught.value)
    assert mailbox.mails == []


def test_a_mail_says_who_sent_it_and_that_a_machine_did(mailbox: MailBox) -> None:
    assert handed(mailbox.url) == Handed(NoticeState.SENT)
    (mail,) = mailbox.mails
    assert mail["From"].addresses[0].display_name == 'The network, "DSO"'
    assert mail["From"].addresses[0].addr_spec == "info@example.be"
    assert (mail["Message-ID"], mail["Auto-Submitted"]) == ("<0123@example.be>", "auto-generated")


PRINTABLE = st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), min_size=1, max_size=250)


@given(sender=PRINTABLE, line=PRINTABLE)
def test_whatever_a_sender_and_a_letter_say_any_server_can_carry_it(sender: str, line: str) -> None:
    """A server may offer no 8BITMIME (RFC 6152): then only ASCII is carried, 998 octets a line."""
    letter = replace(LETTER, sender=sender, subject=line, opening=(line, "été"))
    mail = write_mail(
        letter,
        message_id="a1",
        to="anna@example.be",
        sender="info@example.be",
        at=datetime(2020, 6, 4, tzinfo=UTC),
    )
    data = mail.as_bytes()
    assert data.isascii()
    assert max(map(len, data.split(b"\r\n"))) <= 998
    heads = [name.lower() for name, _ in message_from_bytes(data, policy=SMTP).items()]
    known = "subject from to date message-id auto-submitted mime-version content-type"
    assert sorted(heads) == sorted([*known.split(), "content-transfer-encoding", "content-language"])


def test_a_sender_that_the_server_refuses_is_no_bounce_of_the_household(
    mailbox: MailBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtplib.SMTP, "mail", lambda *_args: (553, b"not yours"))
    with pytest.raises(UnreachableError, match=r"it refuses info@example\.be: 553 not yours"):
        handed(mailbox.url)
    assert mailbox.mails == []


@pytest.mark.parametrize(
    "text", ["anna", "anna@", "@example.be", "anna@localhost", "a b@example.be", "", "ä@b.be"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"--from: .*allowed: an address such as"):
        read_address(text, "--from")


@pytest.mark.parametrize(
    "text", ["127.0.0.1:25", "http://mail:25", "smtp://", "smtp://h:99999", "smtp://u:secret@h", "smtp://h:x"]
)
def test_what_is_no_mail_server_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(InputError, match=r"--smtp: .*allowed: smtp://HOST:PORT") as caught:
        read_server(text, "", "--smtp")
    assert "secret" not in str(caught.value)


def test_a_server_is_read_with_its_user_and_usual_port() -> None:
    found = read_server("smtps://anna%40example.be@mail.example.be", "pw", "--smtp")
    assert (found.host, found.port, found.encrypted) == ("mail.example.be", 465, True)
    assert (found.user, found.password) == ("anna@example.be", "pw")
    assert read_server("smtp://mail", "", "--smtp").port == 25
