"""Breaks each rule of gate, clock, merging and ledger on purpose: a test must fail.

`python -m tools.mutants [TEXT]` copies the tree, applies one mutation of tools/mutations.toml at a time
(those whose rule contains TEXT), and runs the tests that the mutation names. After a run of all mutations it
writes the table docs/mutants.md. It ends with 1 if a mutant survives that should not.
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

HEAD = """# Rules broken on purpose

Each line is a mutation of one rule; `make mutants` puts it in place and the property beside it fails.
The mutations themselves stand in `tools/mutations.toml`.

| rule | file | seen by |
|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Mutation:
    """One rule, and how to break it. `survives` gives the reason if no test can see the difference."""

    rule: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    survives: str = ""


def read_mutations(text: str) -> list[Mutation]:
    """The mutations of a TOML text, in its order."""
    rows = tomllib.loads(text)["mutation"]
    return [Mutation(**{**row, "tests": tuple(row["tests"])}) for row in rows]


def mutate(source: str, mutation: Mutation) -> str:
    """The source with the rule broken. Raises ValueError unless `old` occurs exactly once."""
    found = source.count(mutation.old)
    if found != 1:
        raise ValueError(f"{mutation.file}: {mutation.rule!r}: `old` occurs {found} times; once is wanted")
    return source.replace(mutation.old, mutation.new)


def seen_by(mutation: Mutation, tree: Path) -> str | None:
    """The first test that fails under the mutation; None if all pass."""
    path = tree / mutation.file
    source = path.read_text("utf-8")
    path.write_text(mutate(source, mutation), "utf-8")
    try:
        return _first_failure(mutation.tests, tree)
    finally:
        path.write_text(source, "utf-8")


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
    mutations = read_mutations((ROOT / "tools" / "mutations.toml").read_text("utf-8"))
    rows, survivors = [], 0
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        _copy_tree(tree)
        for mutation in [each for each in mutations if wanted in each.rule]:
            test = seen_by(mutation, tree)
            bad = (test is None) != bool(mutation.survives)
            survivors += bad
            seen = (
                f"`{test}`" if test else f"nothing: {mutation.survives}" if mutation.survives else "NOTHING"
            )
            print(f"{'SURVIVED' if bad else 'seen':8}  {mutation.rule}  ->  {seen}", flush=True)
            rows.append(f"| {mutation.rule} | `{mutation.file}` | {seen} |\n")
    if not wanted and not survivors:
        TABLE.write_text(HEAD + "".join(rows), "utf-8")
    print(f"{len(rows)} mutations, {survivors} survived")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
