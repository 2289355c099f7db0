"""Reactivations are tested on each database, and with a real mail server."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from tests.controller.reactivation.mail_server import MailBox


@pytest.fixture
def engine(any_store: Engine) -> Engine:
    return any_store


@pytest.fixture
def mailbox() -> Iterator[MailBox]:
    with MailBox() as opened:
        yield opened
