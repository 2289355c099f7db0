"""A home whose file of issuers stayed behind its store's follows it; one that is further on stays."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from controller.database.engine import writing
from controller.office.issuers_store import put_issuers_in_force
from controller.office.opening import Office, keep_newest_root
from controller.office.settings import settings_from
from protocols.documents.envelope import seal
from protocols.documents.roles import ROOT_TYPE, write_root
from tests.controller.office.test_issuers_store import document
from tests.emulator.firmware.guarded.workbench import ROOT, SIGNERS

TWO, THREE = document(2, 2), document(2, 2, ("dora", "eric", "anna"))


@pytest.mark.parametrize(
    ("store", "file", "after"),
    [
        pytest.param(TWO, document(1, 1), TWO, id="a file of before the new epoch"),
        pytest.param(THREE, TWO, THREE, id="the same, signed by one person more"),
        pytest.param(TWO, None, TWO, id="no file"),
        pytest.param(TWO, TWO, TWO, id="the same"),
        pytest.param(TWO, THREE, THREE, id="a file with more signatures"),
        pytest.param(TWO, document(3, 3), document(3, 3), id="a store that was restored"),
        pytest.param(TWO, b"{}", b"{}", id="a damaged file"),
        pytest.param(None, TWO, TWO, id="a store that knows none"),
    ],
)
def test_the_homes_issuers_follow_the_stores(
    engine: Engine, tmp_path: Path, store: bytes | None, file: bytes | None, after: bytes
) -> None:
    settings = settings_from({"RELANCE_HOME": str(tmp_path)})
    settings.root.write_bytes(seal(write_root(ROOT), ROOT_TYPE, [SIGNERS["gina"], SIGNERS["hugo"]]))
    if file is not None:
        settings.issuers.write_bytes(file)
    if store is not None:
        with writing(engine) as session:
            put_issuers_in_force(session, store)
    keep_newest_root(Office(settings, ROOT, engine))
    assert settings.issuers.read_bytes() == after
