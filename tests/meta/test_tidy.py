"""The project is tidy, and each rule of tidiness sees what it should."""

import importlib
import importlib.metadata
import importlib.util
import tomllib
from pathlib import Path

import pytest

from tools.tidy import definitions, one_file
from tools.tidy.project import ROOT, FileRule, ProjectRule, git, is_checkout, project_of, read_project

OUR_PACKAGES = ("protocols", "cardreader", "emulator", "controller", "hil", "relance")
IMPORTED_FROM_THE_ROOT = (*OUR_PACKAGES, "tests", "tools", "benchmarks")

LONG_FUNCTION = '"""Long."""\n\n\ndef long() -> None:\n' + "    print()\n" * 70
LONG_FILE = '"""Long."""\n' + "x = 1\n" * 500
PIN = "rich==15.0.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"

# Rule, path, text, and what the finding must say.
BAD = [
    (one_file.sizes, "emulator/long.py", LONG_FUNCTION, "long has 71 lines; at most 70"),
    (one_file.sizes, "emulator/long.py", LONG_FILE, "501 lines; at most 500"),
    (one_file.words, "README.md", "a whitelist of meters\n", "'whitelist': allow list"),
    (one_file.words, "README.md", "one\na Black-List of meters\n", "'Black-List': deny list"),
    (one_file.words, "emulator/x.py", "# TODO: later\n", "'TODO': do it now, or file an issue"),
    (one_file.words, "emulator/x.py", "# a sanity check\n", "say what is checked"),
    (one_file.words, "Makefile", "cd /work/main\n", "'/work/': a path of one machine"),
    (one_file.words, "docs/x.md", "see `/root/x`\n", "'/root/': a path of one machine"),
    (one_file.words, "docs/x.md", "see /home/anna/x\n", "'/home/anna/': a path of one machine"),
    (one_file.words, "requirements/run.txt", "-i https://pypi.org/simple\n", "name no index"),
    (one_file.names, "emulator/utils.py", "", "'utils.py' names a place"),
    (one_file.names, "controller/core/orders.py", "", "'core' names a place"),
    (one_file.whitespace, "README.md", "no newline", "exactly one newline"),
    (one_file.whitespace, "README.md", "two newlines\n\n", "exactly one newline"),
    (one_file.whitespace, "a.toml", "key = 1 \n", "blanks at the end"),
    (one_file.whitespace, "a.py", "if x:\n\tpass\n", "a tab"),
    (one_file.docstrings, "emulator/x.py", "x = 1\n", "no docstring"),
    (one_file.docstrings, "emulator/__init__.py", "", "no docstring"),
    (one_file.tests_test, "tests/emulator/__init__.py", '"""X."""\n', "no __init__.py below tests/"),
    (one_file.tests_test, "tests/emulator/test_x.py", "def helper() -> None: ...\n", "holds no test"),
    (
        one_file.pins,
        "requirements/run.txt",
        "rich==15.0.0\n",
        "'rich==15.0.0' has no exact version with hashes",
    ),
    (one_file.pins, "requirements/run.txt", PIN.replace("==", ">="), "no exact version with hashes"),
    (one_file.pins, "requirements/run.txt", "--index-url x\n" + PIN, "a lock names no host"),
    (one_file.pins, "requirements/run.txt", PIN + "rich @ file:x --hash=sha256:aa\n", "a lock names no host"),
]

GOOD = [
    (one_file.sizes, "emulator/short.py", LONG_FUNCTION.replace("    print()\n", "", 1)),
    (one_file.sizes, "emulator/short.py", LONG_FILE.replace("x = 1\n", "", 1)),
    (one_file.sizes, "README.md", "long\n" * 900),
    (one_file.words, "README.md", "an allow list; tests/work/x; https://example.org/root/x\n"),
    (one_file.words, "tools/tidy/one_file.py", "whitelist\n"),
    (one_file.names, "emulator/firmware/metering.py", ""),
    (one_file.whitespace, "README.md", "one\n"),
    (one_file.whitespace, "emulator/py.typed", ""),
    (one_file.tests_test, "tests/emulator/test_x.py", "def test_x() -> None: ...\n"),
    (one_file.tests_test, "tests/emulator/test_x.py", "TestClock = ClockMachine.TestCase\n"),
    (one_file.tests_test, "tests/links.py", "x = 1\n"),
    (one_file.pins, "requirements/run.txt", PIN + PIN),
]


# Rule, files, and what the finding must say.
BAD_PROJECTS = [
    (
        definitions.classes_once,
        {"emulator/a.py": "class Meter: ...\n", "protocols/b.py": "\n\nclass Meter: ...\n"},
        "protocols/b.py:3: class Meter is defined in emulator/a.py too",
    ),
    (
        definitions.used,
        {"emulator/a.py": "def cut() -> None: ...\n", "tests/b.py": "from emulator.a import cut\ncut()\n"},
        "emulator/a.py:1: cut is used only by tests",
    ),
    (
        definitions.used,
        {"emulator/a.py": "HOUR_MS: Final = 3_600_000\n"},
        "emulator/a.py:1: HOUR_MS is used only by tests",
    ),
]

GOOD_PROJECTS = [
    (
        definitions.classes_once,
        {
            "emulator/a.py": "class Meter:\n    class Inner: ...\nclass _Own: ...\n",
            "protocols/b.py": "class _Own: ...\n",
            "tests/c.py": "class Meter: ...\n",
        },
    ),
    (
        definitions.used,
        {
            "emulator/a.py": (
                "def cut() -> None: ...\ndef _own() -> None: ...\nHOUR_MS = 1\n"
                "@app.command('list')\ndef list_all() -> None: ...\ndef run() -> None: ...\n"
            ),
            "emulator/b.py": "from emulator import a\nfrom emulator.a import HOUR_MS as AN_H\na.cut()\n",
            "controller/database/migrations/versions/m0001.py": "revision = 1\n",
            "pyproject.toml": '[project.scripts]\nrelance = "emulator.a:run"\n',
        },
    ),
]


@pytest.mark.parametrize(("rule", "path", "text", "message"), BAD)
def test_a_rule_sees_what_is_wrong(rule: FileRule, path: str, text: str, message: str) -> None:
    assert message in "\n".join(map(str, rule(path, text)))


@pytest.mark.parametrize(("rule", "path", "text"), GOOD)
def test_a_rule_leaves_what_is_right_alone(rule: FileRule, path: str, text: str) -> None:
    assert list(rule(path, text)) == []


def test_the_ratchet_of_longer_files_only_turns_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(one_file.LONGER_FILES, "emulator/long.py", 600)
    assert [str(f) for f in one_file.sizes("emulator/long.py", LONG_FILE)] == [
        "emulator/long.py:501: down to 501 lines: lower its number in LONGER_FILES"
    ]
    assert list(one_file.sizes("emulator/long.py", LONG_FILE + "x = 1\n" * 99)) == []
    assert len(list(one_file.sizes("emulator/long.py", LONG_FILE + "x = 1\n" * 100))) == 1


def test_every_rule_has_a_bad_sample() -> None:
    assert {rule for rule, *_ in BAD} == set(one_file.RULES)
    assert {rule for rule, *_ in BAD_PROJECTS} == set(definitions.RULES)


@pytest.mark.parametrize(("rule", "texts", "message"), BAD_PROJECTS)
def test_a_rule_over_all_files_sees_what_is_wrong(
    rule: ProjectRule, texts: dict[str, str], message: str
) -> None:
    assert message in "\n".join(map(str, rule(project_of(texts))))


@pytest.mark.parametrize(("rule", "texts"), GOOD_PROJECTS)
def test_a_rule_over_all_files_leaves_what_is_right_alone(
    monkeypatch: pytest.MonkeyPatch, rule: ProjectRule, texts: dict[str, str]
) -> None:
    monkeypatch.setattr(definitions, "ONLY_TESTS_USE", {})
    assert list(rule(project_of(texts))) == []


def test_a_class_of_a_third_file_is_told_both_others() -> None:
    thrice = project_of({f"protocols/p{number}.py": "class Order: ...\n" for number in range(3)})
    others = "protocols/p0.py, protocols/p1.py"
    assert list(map(str, definitions.classes_once(thrice))) == [
        f"protocols/p2.py:1: class Order is defined in {others} too: name this one by what it is"
    ]


def test_the_list_of_what_only_tests_use_only_gets_shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(definitions, "ONLY_TESTS_USE", {"emulator/a.py:cut": "because"})
    unused = {"emulator/a.py": "def cut() -> None: ...\n"}
    assert list(definitions.used(project_of(unused))) == []
    used = unused | {"emulator/b.py": "from emulator.a import cut\n"}
    assert [str(found) for found in definitions.used(project_of(used))] == [
        "emulator/a.py:1: cut is used, or gone: take it out of ONLY_TESTS_USE"
    ]


def test_the_files_of_this_project_are_read() -> None:
    # `make check` judges them, and CI calls it.
    assert "tools/tidy/one_file.py" in read_project(ROOT).texts


def test_a_tarball_without_git_is_read_too(tmp_path: Path) -> None:
    written = {"controller/x.py": '"""X."""\n', "README.md": "x\n"}
    for path in (*written, "build/made.py", ".venv/made.py", "controller/__pycache__/made.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(written.get(path, "made"))
    assert not is_checkout(tmp_path)
    assert read_project(tmp_path).texts == written
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitignore").write_text("build/\n.venv/\n__pycache__/\n")
    assert is_checkout(tmp_path)
    assert dict(read_project(tmp_path).texts).keys() == {*written, ".gitignore"}


def test_no_installed_package_takes_one_of_our_import_names() -> None:
    owners = importlib.metadata.packages_distributions()
    # They put their own tests there, in folders whose names are none of ours.
    theirs = {"relance", "dlms-cosem", "python-barcode"}
    taken = {name: set(owners.get(name, ())) - theirs for name in IMPORTED_FROM_THE_ROOT}
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
