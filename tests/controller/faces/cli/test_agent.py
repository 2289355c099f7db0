"""`relance agent`: one passphrase for a shift, and never two people at one account."""

import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.controller.faces.cli.invocation import PASSPHRASE, RELANCE, call, environment

UNTIL = ("--until", "2099-06-02T11:00+02:00")
NO_PASSPHRASE = {"RELANCE_PASSPHRASE": "this opens no key at all"}


@pytest.fixture
def runtime() -> Iterator[dict[str, str]]:
    """A runtime folder whose name is short enough for a socket."""
    with tempfile.TemporaryDirectory() as folder:
        yield {"XDG_RUNTIME_DIR": folder}


@contextmanager
def opened(home: Path, name: str, runtime: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """The agent as a program of its own, once it has said that it is open."""
    seen = environment(home, **runtime)
    argv = [RELANCE, "agent", "open", name, "--for", "1h"]
    with subprocess.Popen(argv, env=seen, stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout is not None
            assert "is open for 1 h" in program.stdout.readline()
            yield program
        finally:
            program.kill()


def test_commands_of_the_account_sign_without_a_passphrase_until_it_closes(
    home: Path, runtime: dict[str, str]
) -> None:
    asking = NO_PASSPHRASE | runtime
    assert call(home, "agent", "status", settings=asking).status == 1
    with opened(home, "anne", runtime) as program:
        limits = Path(f"/proc/{program.pid}/limits").read_text()
        assert [line.split()[4:6] for line in limits.splitlines() if "core" in line] == [["0", "0"]]
        shown = call(home, "agent", "status", "--json", settings=asking).found
        assert (shown["open"], shown["name"], shown["signed"]) == (True, "anne", 0)
        declared = call(home, "moratorium", "declare", "mora", *UNTIL, "--as", "anne", settings=asking)
        assert declared.status == 0
        assert "anne's agent signs; it is open for another" in declared.err
        assert call(home, "orders", "show", "o000001", "--json").found["signed_by"] == ["anne"]
        lifted = call(home, "moratorium", "lift", "mora", "--as", "anne", "--json", settings=asking)
        assert (lifted.status, lifted.found["state"]) == (0, "draft")
        for second in ("bart", "anne"):
            ended = call(home, "orders", "sign", "o000002", "--as", second, settings=asking)
            assert ended.status != 0, "the agent is no second person"
        closed = call(home, "agent", "close", "--json", settings=asking)
        assert (closed.status, closed.found) == (0, {"closed": "anne"})
        said, _ = program.communicate(timeout=20)
        assert program.returncode == 0
        assert "order o000001: no cut (mora)" in said
        assert "order o000002: the hold mora is lifted" in said
        assert "anne's key is closed; it has signed 3 times." in said
        assert PASSPHRASE not in said
    after = call(home, "release", "m00001", "--as", "anne", settings=asking)
    assert "wrong passphrase" in after.one_line()


def test_the_log_names_what_a_root_changes(home: Path, runtime: dict[str, str]) -> None:
    asking = NO_PASSPHRASE | runtime
    with opened(home, "anne", runtime) as program:
        call(home, "root", "propose", "--drop", "carl", "--as", "anne", settings=asking)
        call(home, "operator", "roles", "bart", "--roles", "protect,harm", "--as", "anne", settings=asking)
        call(home, "root", "propose", "--as", "anne", settings=asking)
        call(home, "agent", "close", settings=asking)
        said, _ = program.communicate(timeout=20)
    told = [line.partition("  ")[2] for line in said.splitlines() if "  root " in line]
    assert told == [
        "root 2: Drops: carl.",
        "root 2: From now on: bart harm+protect.",
        "root 2: The same people for another year.",
    ]


def test_a_second_person_is_not_opened_at_the_same_account(home: Path, runtime: dict[str, str]) -> None:
    with opened(home, "anne", runtime):
        ended = call(home, "agent", "open", "bart", settings=runtime)
        assert ended.status == 1
        assert ended.one_line().startswith("an agent is open at this account, which speaks for one person")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_it_closes_at_a_signal_and_leaves_no_socket(
    home: Path, runtime: dict[str, str], number: signal.Signals, status: int
) -> None:
    with opened(home, "anne", runtime) as program:
        program.send_signal(number)
        program.communicate(timeout=20)
        assert program.returncode == status
    assert [path.name for path in Path(runtime["XDG_RUNTIME_DIR"], "relance").glob("*.sock")] == []


def test_after_kill_9_the_next_one_opens_and_commands_ask_meanwhile(
    home: Path, runtime: dict[str, str]
) -> None:
    with opened(home, "anne", runtime) as program:
        program.kill()
        program.wait(timeout=20)
    assert call(home, "release", "m00001", "--as", "anne", settings=runtime).status == 0
    with opened(home, "anne", runtime):
        assert call(home, "agent", "status", settings=runtime).status == 0


def test_an_old_key_in_an_agent_signs_nothing_once_it_is_replaced(
    home: Path, runtime: dict[str, str]
) -> None:
    with opened(home, "anne", runtime):
        rotate = ("operator", "rotate", "anne", "--countersign", "--as", "bart", "--json")
        found = call(home, *rotate, settings=runtime).found
        signed = call(home, "root", "sign", "--code", found["code"], "--as", "carl", settings=runtime)
        assert signed.status == 0
        ended = call(home, "release", "m00001", "--as", "anne", settings=runtime)
        assert (ended.status, "agent signs" in ended.err) == (0, False)


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (("dora",), 'NAME: "dora" holds no key; allowed: anne, bart, carl'),
        (("service",), 'NAME: "service" holds no key; allowed: anne, bart, carl'),
        *(
            (("anne", "--for", text), f'--for: "{text}"; allowed: 1min to 24h, such as 8h or 90min')
            for text in ("", "8", "0h", "25h", "-1h", "8d", "99999h", "1.5h")
        ),
    ],
)
def test_wrong_input_is_one_clear_line(
    home: Path, runtime: dict[str, str], argv: tuple[str, ...], line: str
) -> None:
    ended = call(home, "agent", "open", *argv, settings=runtime)
    assert (ended.status, ended.one_line()) == (2, line)


def test_a_wrong_passphrase_opens_nothing(home: Path, runtime: dict[str, str]) -> None:
    ended = call(home, "agent", "open", "anne", settings=NO_PASSPHRASE | runtime)
    assert (ended.status, "wrong passphrase" in ended.one_line()) == (2, True)
    assert call(home, "agent", "status", "--json", settings=runtime).found == {"open": False}
