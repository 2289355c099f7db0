"""The issuers of the home's file count where a restored store knows only older ones."""

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine
from sqlmodel import select

from controller.database.engine import reading, writing
from controller.database.tables import AuditRow
from controller.office.issuers_store import issuers_in_force, put_issuers_in_force, take_newer_issuers
from controller.office.issuing import first_issuers
from protocols.documents.envelope import seal
from protocols.documents.issuers import ISSUERS_TYPE, write_issuers
from protocols.errors import DocumentError
from tests.emulator.firmware.guarded.workbench import ROOT, SIGNERS

NOW_MS = 1_600_000_000_000
TWO = ("dora", "eric")


def document(version: int, epoch: int, signers: tuple[str, ...] = TWO) -> bytes:
    first = first_issuers(b"i" * 32)
    issuers = replace(first, version=version, issuers=(replace(first.issuers[0], epoch=epoch),))
    return seal(write_issuers(issuers), ISSUERS_TYPE, [SIGNERS[name] for name in signers])


@pytest.mark.parametrize(
    ("stored", "home", "taken"),
    [
        pytest.param(None, document(1, 1), True, id="a store that knows none"),
        pytest.param(document(1, 1), document(2, 2), True, id="a store of before the new epoch"),
        pytest.param(document(2, 2), document(2, 2), False, id="the same"),
        pytest.param(document(2, 2), document(1, 1), False, id="a home of another machine that is behind"),
        pytest.param(document(1, 1), document(2, 2, ("dora",)), False, id="signed by one person"),
        pytest.param(document(1, 2), document(2, 1), False, id="an epoch that goes back"),
    ],
)
def test_the_homes_issuers_count_where_they_stand_above_the_stores(
    engine: Engine, stored: bytes | None, home: bytes, *, taken: bool
) -> None:
    with writing(engine) as session:
        if stored is not None:
            put_issuers_in_force(session, stored)
    with writing(engine) as session:
        assert (take_newer_issuers(session, home, ROOT, NOW_MS) is not None) == taken
    with reading(engine) as session:
        in_force = issuers_in_force(session)
        assert (None if in_force is None else in_force.envelope) == (home if taken else stored)
        assert len(session.exec(select(AuditRow)).all()) == taken


def test_a_file_that_is_no_document_is_refused(engine: Engine) -> None:
    with writing(engine) as session, pytest.raises(DocumentError):
        take_newer_issuers(session, b"{}", ROOT, NOW_MS)
