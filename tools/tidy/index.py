"""What a sign may name: paths, rooms, modules with their names, `make` targets, words of the code."""

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import PurePosixPath

from tools.tidy.members import Module, read_module
from tools.tidy.project import PACKAGES, Project

# The top folders with Python files of this project.
CODE = (*PACKAGES, "tests", "tools", "benchmarks")

# Keys of documents, options and states are shorter; a longer text is a sentence.
_KEY_CHARACTERS_MAX = 40


class Index:
    """The existing paths, folders, modules with their names, and `make` targets."""

    def __init__(self, project: Project) -> None:
        """Each index is made at its first use."""
        self.project = project

    @cached_property
    def entries(self) -> frozenset[str]:
        """All files and their folders."""
        folders = {str(parent) for path in self.project.paths for parent in PurePosixPath(path).parents}
        return self.project.paths | folders

    @cached_property
    def endings(self) -> frozenset[str]:
        """Every path with and without its suffix, and every part of it from a folder to its end."""
        found: set[str] = set()
        for entry in self.entries:
            for path in (entry, str(PurePosixPath(entry).with_suffix(""))) if entry != "." else ():
                parts = path.split("/")
                found.update("/".join(parts[start:]) for start in range(len(parts)))
        return frozenset(found)

    @cached_property
    def modules(self) -> dict[str, Module]:
        """The definitions of each module and package of ours, by dotted name."""
        return {
            path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): read_module(tree)
            for path, tree in self.project.python(*CODE)
        }

    @cached_property
    def ends_of_modules(self) -> dict[str, list[Module]]:
        """Like `modules`, by every ending of the dotted name (`topics` and `link.topics`)."""
        found: dict[str, list[Module]] = {}
        for name, module in self.modules.items():
            parts = name.split(".")
            for start in range(len(parts)):
                found.setdefault(".".join(parts[start:]), []).append(module)
        return found

    @cached_property
    def classes(self) -> dict[str, frozenset[str]]:
        """The members of all classes of a name, by class name."""
        found: dict[str, frozenset[str]] = {}
        for module in self.modules.values():
            for name, members in module.classes.items():
                found[name] = found.get(name, frozenset()) | members
        return found

    @cached_property
    def libraries(self) -> frozenset[str]:
        """The packages of others that our modules import."""
        return frozenset().union(*(module.imports for module in self.modules.values())) - set(CODE)

    @cached_property
    def words(self) -> frozenset[str]:
        """Every identifier of our code, imported or not, the words in its short strings, and its modules."""
        modules = {part for name in self.modules for part in name.split(".")}
        return frozenset(modules).union(*(_words(tree) for _path, tree in self.project.python(*CODE)))

    @cached_property
    def rooms(self) -> frozenset[str]:
        """The names of the folders inside the packages."""
        return frozenset(
            part
            for path in self.project.paths
            if path.partition("/")[0] in PACKAGES
            for part in PurePosixPath(path).parts[:-1]
        )

    @cached_property
    def targets(self) -> frozenset[str]:
        """The targets of `make`."""
        return frozenset(re.findall(r"^([\w-]+):", self.project.texts.get("Makefile", ""), re.MULTILINE))

    def has_path(self, path: str) -> bool:
        """Whether a path from the root, or a pattern of one, is there; `.py` may be left out."""
        path = path.rstrip("/")
        if "*" in path:
            return any(fnmatchcase(entry, path) for entry in self.entries)
        return path in self.entries or f"{path}.py" in self.entries

    def has_name(self, dotted: str) -> bool:
        """Whether a dotted name, whole or its end, is a module of ours or a name inside one."""
        parts = dotted.split(".")
        for cut in range(len(parts), 0, -1):
            head, rest = ".".join(parts[:cut]), parts[cut:]
            candidates = [self.modules[head]] if head in self.modules else self.ends_of_modules.get(head, [])
            if any(module.has(rest) for module in candidates):
                return True
        return False


def _words(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.alias(name=name) | ast.keyword(arg=str(name)):
                yield name
            # A longer text, or one with backticks, is prose, which may name things that no longer exist.
            case ast.Constant(value=str(text)) if len(text) <= _KEY_CHARACTERS_MAX and "`" not in text:
                yield from re.findall(r"\w+", text)
            case _:
                pass
