"""Rules that `make mutants` breaks on purpose: each still stands where it is looked for."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_line_to_be_broken_stands_once_in_its_file() -> None:
    mutations = tomllib.loads((ROOT / "tools" / "mutations.toml").read_text())["mutation"]
    assert mutations
    found = {each["rule"]: (ROOT / each["file"]).read_text().count(each["old"]) for each in mutations}
    assert {rule: count for rule, count in found.items() if count != 1} == {}
