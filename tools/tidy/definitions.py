"""Rules about names over all packages: a public class is defined once, and a public function is used."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator

from tools.tidy.project import PACKAGES, Finding, Project, ProjectRule

# Functions and constants that only tests use, each with the reason to keep it. Without a reason, delete it.
ONLY_TESTS_USE = {
    "controller/demo/night.py:REACTIVATION_UNTIL_MS": "a date of 2020 that the households' own are held to",
    "protocols/documents/drafting.py:emergency_credit": "a kind of order that no verb has yet",
    "protocols/documents/drafting.py:limiter": "a kind of order that no verb has yet",
    "protocols/documents/drafting.py:shorten_moratorium": "a floor with an interval; no verb has it yet",
    "controller/orders/life.py:step_delivery": "one delivery's step, as the UPDATEs make it for many",
    "protocols/cutting/linting.py:lint_instant": "the linter asked about one cut, as its ledger is written",
    "protocols/link/asyncapi.py:schema_for_signed": "tests validate live traffic with it",
    "protocols/link/asyncapi.py:schema_for_topic": "tests validate live traffic with it",
}

# Whoever imports these modules reads their names itself: Alembic, and the collector of stories.
_READ_BY_OTHERS = ("controller/database/migrations/", "hil/suite/")


def classes_once(project: Project) -> Iterator[Finding]:
    """A public class name is defined once in all packages.

    Public functions may share a name: `read`, `step`, `verify` are called with their module's name in front,
    and a command's function has the name that a person types.
    """
    for name, defined in _public_classes(project).items():
        path, line = defined[-1]
        if len(defined) > 1:
            others = ", ".join(other for other, _line in defined[:-1])
            yield Finding(path, line, f"class {name} is defined in {others} too: name this one by what it is")


def _public_classes(project: Project) -> dict[str, list[tuple[str, int]]]:
    """For each class name, the files and lines of its definitions, in the order of the paths."""
    definitions: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for path, tree in project.python(*PACKAGES):
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                definitions[node.name].append((path, node.lineno))
    return definitions


def used(project: Project) -> Iterator[Finding]:
    """A public function or constant of a module is used outside tests; `ONLY_TESTS_USE` lists the exceptions.

    Only names are compared: if two functions have one name, a use of either counts for both. A function that
    a decorator's call registers (`@verb(app, "list")`) counts as used.
    """
    mentioned = _mentioned(project)
    unused = {
        f"{path}:{name}": (path, line)
        for path, tree in project.python(*PACKAGES)
        if not path.startswith(_READ_BY_OTHERS)
        for name, line in _public_names(tree)
        if name not in mentioned
    }
    for key, (path, line) in unused.items():
        if key not in ONLY_TESTS_USE:
            name = key.rpartition(":")[2]
            yield Finding(path, line, f"{name} is used only by tests: delete it, or say why to keep it")
    for key in sorted(ONLY_TESTS_USE.keys() - unused.keys()):
        path, _, name = key.partition(":")
        yield Finding(path, 1, f"{name} is used, or gone: take it out of ONLY_TESTS_USE")


def _public_names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if not name.startswith("_") and not _is_registered(node):
                    yield name, node.lineno
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                if not name.startswith("_"):
                    yield name, node.lineno
            case _:
                pass


def _is_registered(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(isinstance(decorator, ast.Call) for decorator in node.decorator_list)


def _mentioned(project: Project) -> set[str]:
    """All names that code outside tests reads or imports, and the entry points of console scripts."""
    found = set(re.findall(r'= "[\w.]+:(\w+)"', project.texts.get("pyproject.toml", "")))
    for _path, tree in project.python(*PACKAGES, "tools", "benchmarks"):
        for node in ast.walk(tree):
            match node:
                case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name) | ast.alias(name=name):
                    found.add(name)
                case _:
                    pass
    return found


RULES: tuple[ProjectRule, ...] = (classes_once, used)
