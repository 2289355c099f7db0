"""Rules that `make mutants` breaks on purpose: each still stands where it is looked for."""

from pathlib import Path

from tools.mutants import Mutation, read_mutations, read_seeds

ROOT = Path(__file__).parents[2]


def all_mutations() -> list[Mutation]:
    """Those that a test of a rule sees, and those that a story of the bench sees."""
    mutations = read_mutations((ROOT / "tools" / "mutations.toml").read_text())
    seeds = read_seeds((ROOT / "tools" / "seeds.toml").read_text())
    assert mutations
    assert seeds
    return mutations + seeds


def test_every_line_to_be_broken_stands_once_in_its_file() -> None:
    mutations = all_mutations()
    found = {
        f"{mutation.rule}: {change.old}": (ROOT / change.file).read_text().count(change.old)
        for mutation in mutations
        for change in mutation.changes
    }
    assert {line: count for line, count in found.items() if count != 1} == {}


def test_every_rule_is_named_once() -> None:
    rules = [mutation.rule for mutation in all_mutations()]
    assert [rule for rule in rules if rules.count(rule) > 1] == []
