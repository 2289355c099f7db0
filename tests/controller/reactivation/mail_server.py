"""A real mail server (aiosmtpd) that keeps what it gets, and answers as a test wants."""

import asyncio
import socket
import ssl
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

TAKEN = "250 OK"


class _Server(SMTP):
    """As aiosmtpd's, which refuses a nested MAIL; it also answers to DATA itself as a test wants."""

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 # aiosmtpd's name
        box = self.event_handler
        assert isinstance(box, MailBox)
        if box.before_data:
            await self.push(box.before_data.pop(0))
        else:
            await super().smtp_DATA(arg)


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _Server(self.handler, **self.SMTP_kwargs)


class MailBox:
    """The server. `answers`: to each address what is answered at RCPT; `on_data`: to the next texts.

    `before_data`: to the next DATA commands, before any text. An answer of None to a text ends the connection
    without a word, after the text has been taken.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.mails: list[EmailMessage] = []
        self.answers: dict[str, str] = {}
        self.on_data: list[str | None] = []
        self.before_data: list[str] = []
        self.came = threading.Event()
        self._may_answer = threading.Event()
        self._may_answer.set()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._controller = _Controller(self, hostname="127.0.0.1", port=self.port, tls_context=tls)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.go_on()
        self._controller.stop()

    def hold(self) -> None:
        """Take texts and answer none, until `go_on`; `came` is set once one has come."""
        self.came.clear()
        self._may_answer.clear()

    def go_on(self) -> None:
        self._may_answer.set()

    async def handle_RCPT(  # noqa: N802 # aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        answer = self.answers.get(address, TAKEN)
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.on_data.pop(0) if self.on_data else TAKEN
        if answer is None or answer.startswith("2"):
            assert isinstance(envelope.content, bytes)
            mail = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
        self.came.set()
        await asyncio.to_thread(self._may_answer.wait)
        if answer is None:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
            return TAKEN
        return answer

    @property
    def receivers(self) -> list[str]:
        """To whom the mails went, in their order."""
        return [str(mail["To"]) for mail in self.mails]
