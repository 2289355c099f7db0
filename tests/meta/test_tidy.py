"""The project is tidy, and each rule of tidiness sees what it should."""

import importlib
import importlib.metadata
import importlib.util
import tomllib
from pathlib import Path

import pytest

from tools import tidy

ROOT = Path(__file__).parents[2]
OUR_PACKAGES = ("protocols", "cardreader", "emulator", "controller", "hil")
IMPORTED_FROM_THE_ROOT = (*OUR_PACKAGES, "tests", "tools", "benchmarks")

LONG_FUNCTION = '"""Long."""\n\n\ndef long() -> None:\n' + "    print()\n" * 70
LONG_FILE = '"""Long."""\n' + "x = 1\n" * 500
PIN = "rich==15.0.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"

# Rule, path, text, and what the finding must say.
BAD = [
    (tidy.sizes, "emulator/long.py", LONG_FUNCTION, "long has 71 lines; at most 70"),
    (tidy.sizes, "emulator/long.py", LONG_FILE, "501 lines; at most 500"),
    (tidy.words, "README.md", "a whitelist of meters\n", "'whitelist': allow list"),
    (tidy.words, "README.md", "one\na Black-List of meters\n", "'Black-List': deny list"),
    (tidy.words, "emulator/x.py", "# TODO: later\n", "'TODO': do it now, or file an issue"),
    (tidy.words, "emulator/x.py", "# a sanity check\n", "say what is checked"),
    (tidy.words, "Makefile", "cd /work/main\n", "'/work/': a path of one machine"),
    (tidy.words, "docs/x.md", "see `/root/x`\n", "'/root/': a path of one machine"),
    (tidy.words, "docs/x.md", "see /home/anna/x\n", "'/home/anna/': a path of one machine"),
    (tidy.words, "requirements/run.txt", "-i https://pypi.org/simple\n", "name no index"),
    (tidy.names, "emulator/utils.py", "", "'utils.py' names a place"),
    (tidy.names, "controller/core/orders.py", "", "'core' names a place"),
    (tidy.whitespace, "README.md", "no newline", "exactly one newline"),
    (tidy.whitespace, "README.md", "two newlines\n\n", "exactly one newline"),
    (tidy.whitespace, "a.toml", "key = 1 \n", "blanks at the end"),
    (tidy.whitespace, "a.py", "if x:\n\tpass\n", "a tab"),
    (tidy.docstrings, "emulator/x.py", "x = 1\n", "no docstring"),
    (tidy.docstrings, "emulator/__init__.py", "", "no docstring"),
    (tidy.tests_test, "tests/emulator/__init__.py", '"""X."""\n', "no __init__.py below tests/"),
    (tidy.tests_test, "tests/emulator/test_x.py", "def helper() -> None: ...\n", "holds no test"),
    (tidy.pins, "requirements/run.txt", "rich==15.0.0\n", "'rich==15.0.0' has no exact version with hashes"),
    (tidy.pins, "requirements/run.txt", PIN.replace("==", ">="), "no exact version with hashes"),
    (tidy.pins, "requirements/run.txt", "--index-url x\n" + PIN, "a lock names no host"),
    (tidy.pins, "requirements/run.txt", PIN + "rich @ file:x --hash=sha256:aa\n", "a lock names no host"),
]

GOOD = [
    (tidy.sizes, "emulator/short.py", LONG_FUNCTION.replace("    print()\n", "", 1)),
    (tidy.sizes, "emulator/short.py", LONG_FILE.replace("x = 1\n", "", 1)),
    (tidy.sizes, "README.md", "long\n" * 900),
    (tidy.words, "README.md", "an allow list; tests/work/x; https://example.org/root/x\n"),
    (tidy.words, "tools/tidy.py", "whitelist\n"),
    (tidy.names, "emulator/firmware/metering.py", ""),
    (tidy.whitespace, "README.md", "one\n"),
    (tidy.whitespace, "emulator/py.typed", ""),
    (tidy.tests_test, "tests/emulator/test_x.py", "def test_x() -> None: ...\n"),
    (tidy.tests_test, "tests/emulator/test_x.py", "TestClock = ClockMachine.TestCase\n"),
    (tidy.tests_test, "tests/links.py", "x = 1\n"),
    (tidy.pins, "requirements/run.txt", PIN + PIN),
]


@pytest.mark.parametrize(("rule", "path", "text", "message"), BAD)
def test_a_rule_sees_what_is_wrong(rule: tidy.Rule, path: str, text: str, message: str) -> None:
    assert message in "\n".join(map(str, rule(path, text)))


@pytest.mark.parametrize(("rule", "path", "text"), GOOD)
def test_a_rule_leaves_what_is_right_alone(rule: tidy.Rule, path: str, text: str) -> None:
    assert list(rule(path, text)) == []


def test_the_ratchet_of_longer_files_only_turns_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(tidy.LONGER_FILES, "emulator/long.py", 600)
    assert [str(f) for f in tidy.sizes("emulator/long.py", LONG_FILE)] == [
        "emulator/long.py:501: down to 501 lines: lower its number in LONGER_FILES"
    ]
    assert list(tidy.sizes("emulator/long.py", LONG_FILE + "x = 1\n" * 99)) == []
    assert len(list(tidy.sizes("emulator/long.py", LONG_FILE + "x = 1\n" * 100))) == 1


def test_every_rule_has_a_bad_sample() -> None:
    assert {rule for rule, *_ in BAD} == set(tidy.RULES)


def test_the_project_is_tidy() -> None:
    files = tidy.project_files(ROOT)
    assert "tools/tidy.py" in files, "the list of files is not the project's"
    found = [str(f) for path in files for f in tidy.findings(path, (ROOT / path).read_text("utf-8"))]
    assert found == []


def test_no_installed_package_takes_one_of_our_import_names() -> None:
    owners = importlib.metadata.packages_distributions()
    taken = {name: set(owners.get(name, ())) - {"relance"} for name in IMPORTED_FROM_THE_ROOT}
    assert {name: dists for name, dists in taken.items() if dists} == {}
    for name in OUR_PACKAGES:
        module = importlib.import_module(name)
        assert Path(str(module.__file__)).parent == ROOT / name


def test_every_console_script_that_can_be_there_can_be_called() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    for name, reference in scripts.items():
        module_name, _, attribute = reference.partition(":")
        path = ROOT / (module_name.replace(".", "/") + ".py")
        package = ROOT / module_name.replace(".", "/") / "__init__.py"
        if path.exists() or package.exists():
            assert callable(getattr(importlib.import_module(module_name), attribute)), name


def test_what_the_project_needs_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {_name(requirement) for requirement in project["dependencies"]}
    for lock in ("run", "dev"):
        lines = (ROOT / "requirements" / f"{lock}.txt").read_text().splitlines()
        assert wanted <= {_name(line) for line in lines if not line.startswith(" ")}, f"{lock}.txt: make lock"


def _name(requirement: str) -> str:
    """The distribution's name in a requirement, before any condition on its version."""
    for sign in "=<>;[ ":
        requirement = requirement.partition(sign)[0]
    return requirement.lower().replace("_", "-")
