"""A path is a path: no character of a home's or a store's name means anything else."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.database.engine import open_store
from controller.office.founding import database_while_building
from controller.office.settings import settings_from
from protocols.errors import InputError
from tests.controller.faces.cli.invocation import call, found_home

# Any name that a file system takes and a terminal can show, with what URLs and configurations treat as signs.
SIGNS = st.sampled_from(list("?%#&=:@+;$~*[]{}()'\" \\"))
NAMES = (
    st.text(SIGNS | st.sampled_from("ab5é漢"), min_size=1, max_size=20)
    .filter(lambda name: name not in {".", ".."})
    .filter(str.isprintable)
)


@given(name=NAMES, file=NAMES)
def test_a_store_is_the_file_that_its_path_names(empty_store: Path, name: str, file: str) -> None:
    home = empty_store.parent / "homes" / f"{name}x"
    home.mkdir(parents=True, exist_ok=True)
    try:
        settings = settings_from({}, home)
        shutil.copy(empty_store, home / "relance.db")
        shutil.copy(empty_store, home / f"{file}.db")
        for url, path in (
            (settings.database, home / "relance.db"),
            (f"sqlite:///{home}/{file}.db", home / f"{file}.db"),
            (f"{home}/{file}.db", home / f"{file}.db"),
        ):
            if "://" in url.removeprefix("sqlite:///") and not url.startswith("sqlite:///"):
                continue
            opened = open_store(url)
            try:
                assert opened.url.database == str(path)
                with opened.connect() as connection:
                    assert Path(connection.exec_driver_sql("PRAGMA database_list").one()[2]).samefile(path)
            finally:
                opened.dispose()
        inside = database_while_building(settings, empty_store.parent)
        assert inside == f"sqlite:///{empty_store.parent}/relance.db"
    finally:
        shutil.rmtree(home.parent)


@pytest.mark.parametrize("name", ["a?b", "50%ab", "a#b", "sqlite:", "%(here)s", "a b'c"])
def test_a_controller_lives_in_the_home_that_was_named(tmp_path: Path, name: str) -> None:
    home = tmp_path / name
    found_home(home)
    assert call(home, "orders", "list", "--json").found["orders"] == []
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert {"relance.db", "root.json", "keys", "fleet.key"} <= {path.name for path in home.iterdir()}


@pytest.mark.parametrize("name", ["a\nb", "\x1b[2J", "\udcff"])
def test_a_home_that_no_line_can_show_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="allowed: a path of printable characters") as caught:
        settings_from({}, Path("/srv") / name)
    assert str(caught.value).isprintable()
