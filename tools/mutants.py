"""Breaks each rule of gate, clock, merging, ledger and card on purpose: a test must fail.

`python -m tools.mutants [TEXT]` copies the tree, applies one mutation of tools/mutations.toml or one seed of
tools/seeds.toml at a time (those whose rule contains TEXT), and runs the tests that the mutation names, or
the story of the bench that the seed names. After a run of all it writes the table docs/mutants.md. It ends
with 1 if a mutant survives that should not.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "docs" / "mutants.md"
# A mutant may loop for ever: tests that take longer than this count as failed.
SECONDS_MAX = 240
STORY_TEST = "tests/hil/suite/test_seeds.py::test_the_meter_as_it_is_passes"

HEAD = """# Rules broken on purpose

Each line is a mutation of one rule; `make mutants` puts it in place and the property beside it fails.
The mutations themselves stand in `tools/mutations.toml`; those that begin with `bench:` stand in
`tools/seeds.toml`, and a story of the [bench](hil.md) fails.

| rule | file | seen by |
|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Change:
    """One text of a file, and what stands in its place while the rule is broken."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutation:
    """One rule, and how to break it. `survives` gives the reason if no test can see the difference.

    A rule that stands in several places takes several changes: `file`, `old` and `new` are the first, a table
    each below `also` the others. `story`: of a seed, the story of the bench that fails.
    """

    rule: str
    changes: tuple[Change, ...]
    tests: tuple[str, ...]
    survives: str = ""
    story: str = ""

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it changes, each once."""
        return tuple(dict.fromkeys(change.file for change in self.changes))


def read_mutations(text: str) -> list[Mutation]:
    """The mutations of a TOML text, in its order."""
    return [
        Mutation(
            row["rule"],
            tuple(Change(each["file"], each["old"], each["new"]) for each in (row, *row.get("also", ()))),
            tuple(row["tests"]),
            row.get("survives", ""),
        )
        for row in tomllib.loads(text)["mutation"]
    ]


def read_seeds(text: str) -> list[Mutation]:
    """The seeded defects of a TOML text, each seen where its story is told to the meter that has it."""
    return [
        Mutation(
            row["rule"],
            (Change(row["file"], row["old"], row["new"]),),
            (f"{STORY_TEST}[{row['story']}]",),
            story=row["story"],
        )
        for row in tomllib.loads(text)["seed"]
    ]


def mutate(source: str, change: Change) -> str:
    """The source of a file with one change. Raises ValueError unless `old` occurs exactly once."""
    found = source.count(change.old)
    if found != 1:
        raise ValueError(f"{change.file}: {change.old!r} occurs {found} times; once is wanted")
    return source.replace(change.old, change.new)


def seen_by(mutation: Mutation, tree: Path) -> str | None:
    """The first test that fails under the mutation; None if all pass."""
    sources = {file: (tree / file).read_text("utf-8") for file in mutation.files}
    try:
        for change in mutation.changes:
            path = tree / change.file
            path.write_text(mutate(path.read_text("utf-8"), change), "utf-8")
        return _first_failure(mutation.tests, tree)
    finally:
        for file, source in sources.items():
            (tree / file).write_text(source, "utf-8")


def _first_failure(tests: tuple[str, ...], tree: Path) -> str | None:
    command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "CI": "true", "PYTHONPATH": str(tree), "RELANCE_HYPOTHESIS": "unshrunk"}
    try:
        done = subprocess.run(
            command,
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "a hang"
    if done.returncode == 0:
        return None
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if done.returncode != 1 or not failed:
        raise RuntimeError(
            f"pytest ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    parts = failed[0].split(" - ")[0].split("::")
    # A stateful property is named by its class; its method always has the same name.
    return (parts[-2] if parts[-1] == "runTest" else parts[-1]).split("[")[0]


def _copy_tree(target: Path) -> None:
    ignore = shutil.ignore_patterns(
        ".git", ".venv", "build", "__pycache__", ".hypothesis", "*.egg-info", ".*_cache"
    )
    shutil.copytree(ROOT, target, ignore=ignore)


def main(wanted: str = "") -> int:
    """Run the mutations, and print a line for each and how many survived."""
    tools = ROOT / "tools"
    mutations = read_mutations((tools / "mutations.toml").read_text("utf-8"))
    mutations += read_seeds((tools / "seeds.toml").read_text("utf-8"))
    rows, survivors = [], 0
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        _copy_tree(tree)
        for mutation in [each for each in mutations if wanted in each.rule]:
            test = seen_by(mutation, tree)
            bad = (test is None) != bool(mutation.survives)
            survivors += bad
            seen = (
                f"`{mutation.story or test}`"
                if test
                else f"nothing: {mutation.survives}"
                if mutation.survives
                else "NOTHING"
            )
            print(f"{'SURVIVED' if bad else 'seen':8}  {mutation.rule}  ->  {seen}", flush=True)
            files = ", ".join(f"`{file}`" for file in mutation.files)
            rows.append(f"| {mutation.rule} | {files} | {seen} |\n")
    if not wanted and not survivors:
        TABLE.write_text(HEAD + "".join(rows), "utf-8")
    print(f"{len(rows)} mutations, {survivors} survived")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
