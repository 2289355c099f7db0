"""A pcscd for the tests of this folder: one a worker, with two readers, empty when a test begins."""

from collections.abc import Iterator

import pytest

from tests.cardreader.pcscd.private_pcscd import PrivatePcscd, build_reader, missing

READERS = ("Kiosk", "Office")


@pytest.fixture(scope="session")
def _daemon(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrivatePcscd]:
    level = request.config.getoption("--pcsc")
    if level == "off":
        pytest.skip("--pcsc=off")
    lacks = missing()
    if lacks and level == "auto":
        pytest.skip(f"no PC/SC here: {', '.join(lacks)}; --pcsc=require makes that a failure")
    assert not lacks, f"--pcsc=require: missing: {', '.join(lacks)}"
    daemon = PrivatePcscd(build_reader(tmp_path_factory.mktemp("reader")), READERS)
    daemon.start()
    yield daemon
    assert daemon.stop() == 0, daemon.log()
    daemon.remove()


@pytest.fixture
def pcscd(_daemon: PrivatePcscd) -> Iterator[PrivatePcscd]:
    """The daemon with all its readers, which are empty."""
    yield _daemon
    _daemon.empty()
    if not _daemon.is_running:
        _daemon.stop()
        _daemon.start()
    for name in READERS:
        _daemon.pull(name)
