"""`relance init`: once, completely, and never over existing files."""

import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from controller.database.engine import open_store, reading
from controller.office.audit import recent, verify_audit
from controller.office.keys import holders_in, load_signer
from controller.office.people import load_root
from protocols.errors import InputError
from tests.controller.faces.cli.invocation import PASSPHRASE, RELANCE, call, call_outside, environment
from tests.controller.faces.cli.terminal import CTRL_C, type_at_prompts

CREW = ("--operator", "anne", "--operator", "bart")


def digest_of(home: Path) -> str:
    """One digest of all files in a folder."""
    digest = sha256()
    for path in sorted(path for path in home.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(home)} {path.stat().st_mode:o} ".encode() + path.read_bytes())
    return digest.hexdigest()


def test_init_makes_a_whole_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    ended = call_outside(home, "init", *CREW, "--json")
    assert (ended.status, ended.err) == (0, "")
    assert ended.found["operators"] == ["anne", "bart"]
    assert ended.found["home"] == str(home)
    root = load_root(home / "root.json")
    assert "issuer-1" in holders_in(home / "keys")
    for holder in set(holders_in(home / "keys")) - {"issuer-1"}:
        assert root.keys[load_signer(home / "keys", holder, PASSPHRASE).keyid].holder == holder
    engine = open_store(f"sqlite:///{home}/relance.db")
    with reading(engine) as session:
        assert verify_audit(session) is None
        assert [entry.act.actor for entry in recent(session)] == ["bart", "anne"]
    engine.dispose()
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert home.stat().st_mode & 0o777 == 0o700


def test_a_second_init_refuses_and_changes_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert call(home, "init", *CREW).status == 0
    before = digest_of(home)
    ended = call(home, "init", *CREW)
    assert ended.status == 2
    assert ended.one_line() == f"{home}: is a controller's home already; nothing was changed"
    assert digest_of(home) == before


def test_a_database_serves_one_home(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/apart.db"
    assert call(tmp_path / "one", "init", *CREW, "--database", database).status == 0
    assert not (tmp_path / "one" / "relance.db").exists()
    ended = call(tmp_path / "two", "init", *CREW, "--database", database)
    assert ended.status == 2
    assert "serves another home already" in ended.one_line()
    assert not (tmp_path / "two").exists()


@pytest.mark.parametrize(
    ("argv", "settings", "line"),
    [
        (["init"], {}, "--operator: 0 given; allowed: 2 to 32 people"),
        (["init", "--operator", "anne"], {}, "--operator: 1 given; allowed: 2 to 32 people"),
        (["init", *CREW, "--operator", "ANNE"], {}, '--operator: "ANNE" is given twice, like "anne"'),
        (["init", *CREW, "--operator", "a/b"], {}, '--operator: "a/b"; allowed: 1 to 64 letters'),
        (["init", *CREW], {"RELANCE_PASSPHRASE": ""}, "RELANCE_PASSPHRASE: empty"),
        (["init", *CREW], {"RELANCE_PASSPHRASE": "eleven char"}, "RELANCE_PASSPHRASE: 11 characters"),
        (["init", *CREW, "--database", "mysql://x/y"], {}, 'database "mysql://x/y"; allowed: sqlite:///FILE'),
        (["init", *CREW, "--home", "/proc/none/home"], {}, "/proc/none/home: cannot be made: "),
    ],
)
def test_wrong_input_is_one_line_and_leaves_no_home(
    tmp_path: Path, argv: list[str], settings: dict[str, str], line: str
) -> None:
    ended = call(tmp_path / "home", *argv, settings=settings)
    assert ended.status == 2
    assert ended.one_line().startswith(line)
    assert list(tmp_path.iterdir()) == []


def test_without_terminal_and_variable_init_is_refused(tmp_path: Path) -> None:
    seen = environment(tmp_path / "home")
    del seen["RELANCE_PASSPHRASE"]
    argv = [RELANCE, "init", *CREW]
    done = subprocess.run(
        argv, env=seen, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == "passphrase of anne: no terminal to ask at; set RELANCE_PASSPHRASE\n"
    assert list(tmp_path.iterdir()) == []


def test_at_a_terminal_everybody_has_a_passphrase_of_their_own(tmp_path: Path) -> None:
    home = tmp_path / "home"
    seen = environment(home)
    del seen["RELANCE_PASSPHRASE"]
    answers = [
        (prompt, f"{whose} of this test\n".encode())
        for whose in ("anne", "bart", "the machines' keys")
        for prompt in (f"Passphrase of {whose}: ", "The same again: ")
    ]
    status, shown = type_at_prompts([RELANCE, "init", *CREW], seen, answers)
    assert status == 0, shown
    for holder in holders_in(home / "keys"):
        own = holder if holder in {"anne", "bart"} else "the machines' keys"
        load_signer(home / "keys", holder, f"{own} of this test")
    assert "With this one anne signs: protection alone" in shown
    assert "This one opens the machines' keys: `relance serve`" in shown
    with pytest.raises(InputError, match="wrong passphrase"):
        load_signer(home / "keys", "anne", "bart of this test")


def test_two_passphrases_that_differ_are_asked_for_again_and_ctrl_c_leaves_no_home(tmp_path: Path) -> None:
    seen = environment(tmp_path / "home")
    del seen["RELANCE_PASSPHRASE"]
    answers = [
        ("Passphrase of anne: ", b"a long one of hers\n"),
        ("The same again: ", b"a long one of his\n"),
        ("the two differ; once more", b""),
        ("Passphrase of anne: ", b"short\n"),
        ("allowed: 12 characters or more; once more", b""),
        ("Passphrase of anne: ", CTRL_C),
    ]
    status, _shown = type_at_prompts([RELANCE, "init", *CREW], seen, answers)
    assert status == 130
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_in_a_prompt_ends_quietly_and_leaves_no_home(tmp_path: Path) -> None:
    seen = environment(tmp_path / "home")
    del seen["RELANCE_PASSPHRASE"]
    status, shown = type_at_prompts([RELANCE, "init", *CREW], seen, [("Passphrase of anne: ", CTRL_C)])
    assert status == 130
    assert "Traceback" not in shown
    assert list(tmp_path.iterdir()) == []
