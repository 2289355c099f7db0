"""The founding of a controller: complete or not at all, only once, with a root that two people signed."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.office.founding import (
    MACHINES,
    OPERATORS_MAX,
    building,
    check_operators,
    check_unused,
    database_while_building,
    seal_root,
    write_keys,
)
from controller.office.keys import holders_in, load_fleet_key, write_secret
from controller.office.people import load_root, operators_of
from controller.office.settings import settings_from
from protocols.documents.envelope import read_envelope, seal
from protocols.documents.kind_rule import Role
from protocols.documents.roles import ROOT_TYPE, meets, open_signed
from protocols.errors import InputError
from protocols.instants import DAY_MS

NOW_MS = 1_593_000_000_000
NAMES = st.text("abcXYZ019._-", min_size=1, max_size=8)


@given(names=st.lists(NAMES, max_size=5))
def test_operators_are_at_least_two_people_or_refused(names: list[str]) -> None:
    distinct = len({name.casefold() for name in names}) == len(names)
    if len(names) >= 2 and distinct and all(name[0].isalnum() for name in names):
        assert check_operators(names) == tuple(names)
    else:
        with pytest.raises(InputError, match=r"^--operator: .*allowed: "):
            check_operators(names)


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["anne"], "1 given; allowed: 2 to 32 people"),
        (["anne", "anne"], '"anne" is given twice; allowed: distinct people'),
        (["anne", "Anne"], '"Anne" is given twice, like "anne"'),
        (["anne", "service"], "is the name of a machine's key"),
        (["anne", "Headend"], "is the name of a machine's key"),
        (["anne", "../bart"], "allowed: 1 to 64 letters"),
        ([f"p{n}" for n in range(33)], "33 given"),
    ],
)
def test_a_wrong_list_of_operators_is_refused(names: list[str], why: str) -> None:
    with pytest.raises(InputError) as caught:
        check_operators(names)
    assert why in str(caught.value)


def test_the_root_lets_one_protect_and_two_harm(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with building(home) as place:
        signers = write_keys(place, ["anne", "bart", "carl"], str.upper)
        write_secret(place / "root.json", seal_root(signers, ["anne", "bart", "carl"], NOW_MS))
    root = load_root(home / "root.json")
    assert holders_in(home / "keys") == tuple(sorted(("anne", "bart", "carl", *MACHINES)))
    assert operators_of(root, Role.HARM) == ("anne", "bart", "carl")
    assert root.expires_ms == NOW_MS + 365 * DAY_MS
    assert len(load_fleet_key(home / "fleet.key")) == 32
    needed = {
        (Role.PROTECT, "carl"): 1,
        (Role.HARM, "carl"): 2,
        (Role.ROOT, "carl"): 2,
        (Role.LEASE, "service"): 1,
        (Role.TIME, "headend"): 1,
    }
    for (role, holder), people in needed.items():
        alone = open_signed(seal(b"{}", "x", [signers[holder]]), root, "x")
        assert meets(alone, root, role) == (people == 1), role
        assert root.roles[role].threshold == people
    machines = open_signed(seal(b"{}", "x", [signers[name] for name in MACHINES]), root, "x")
    assert not any(meets(machines, root, role) for role in (Role.PROTECT, Role.HARM, Role.ROOT))


def test_an_interrupted_founding_leaves_nothing(tmp_path: Path) -> None:
    home = tmp_path / "deep" / "home"

    def interrupted(holder: str) -> str:
        if holder == "headend":
            raise KeyboardInterrupt
        return "x"

    with pytest.raises(KeyboardInterrupt), building(home) as place:
        write_keys(place, ["anne", "bart"], interrupted)
    assert list(home.parent.iterdir()) == []


def test_a_home_that_holds_anything_is_refused(tmp_path: Path) -> None:
    check_unused(tmp_path / "new")
    (tmp_path / "empty").mkdir()
    check_unused(tmp_path / "empty")
    (tmp_path / "file").touch()
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "root.json").touch()
    for name, why in (("file", "not empty"), ("old", "a controller's home already"), (".", "not empty")):
        with pytest.raises(InputError, match=why):
            check_unused(tmp_path / name)


def test_a_home_that_cannot_be_read_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be looked into: File name too long"):
        check_unused(tmp_path / ("x" * 300))


def test_a_home_that_cannot_be_made_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be made: "), building(tmp_path / "file" / "home"):
        pass


def test_a_database_inside_the_home_is_built_with_it() -> None:
    folder = Path("/srv/.home.new")
    inside = settings_from({}, Path("/srv/home"))
    assert database_while_building(inside, folder) == "sqlite:////srv/.home.new/relance.db"
    outside = settings_from({}, Path("/srv/home"), "sqlite:////srv/home2/x.db")
    assert database_while_building(outside, folder) == "sqlite:////srv/home2/x.db"


@pytest.mark.parametrize("text", [b"", b"{}", b"\xff", b'{"payload":"","payloadType":"x","signatures":[]}'])
def test_a_malformed_root_is_an_error_of_one_line(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_root(tmp_path / "root.json")
    (tmp_path / "root.json").write_bytes(text)
    with pytest.raises(InputError, match=r"root\.json: "):
        load_root(tmp_path / "root.json")


def test_a_root_that_one_person_signed_is_refused(tmp_path: Path) -> None:
    signers = write_keys(tmp_path, ["anne", "bart"], str.upper)
    sealed = seal_root(signers, ["anne", "bart"], NOW_MS)
    payload = read_envelope(sealed).payload
    (tmp_path / "root.json").write_bytes(seal(payload, ROOT_TYPE, [signers["anne"]]))
    with pytest.raises(InputError, match="not signed by as many people"):
        load_root(tmp_path / "root.json")


def test_a_home_is_founded_with_as_many_people_as_it_may_have(tmp_path: Path) -> None:
    names = [f"p{number:063d}" for number in range(OPERATORS_MAX)]
    home = tmp_path / "home"
    with building(home) as place:
        signers = write_keys(place, names, str.upper)
        write_secret(place / "root.json", seal_root(signers, names, NOW_MS))
    assert operators_of(load_root(home / "root.json"), Role.HARM) == tuple(names)
