"""Reactivations are tested on each database, and with a real mail server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.controller.faces.cli.invocation import found_home
from tests.controller.reactivation.mail_server import MailBox


@pytest.fixture
def engine(any_store: Engine) -> Engine:
    return any_store


@pytest.fixture
def mailbox() -> Iterator[MailBox]:
    with MailBox() as opened:
        yield opened


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with three operators."""
    folder = tmp_path / "home"
    found_home(folder)
    return folder
