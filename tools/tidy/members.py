"""The names that a module and its classes define, read from the syntax tree: nothing is imported."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Module:
    """The names at the top of one module, the members of each class, and the packages that it imports."""

    names: frozenset[str]
    classes: Mapping[str, frozenset[str]]
    imports: frozenset[str]

    def has(self, rest: Sequence[str]) -> bool:
        """Whether the module defines `rest`, the part of a dotted name after the module's name.

        A member of any of its classes counts (`meter.handle` for `Meter.handle`), because an object usually
        has the name of its module. A part that follows a function or a constant is not checked.
        """
        if not rest:
            return True
        if rest[0] in self.classes:
            return len(rest) == 1 or rest[1] in self.classes[rest[0]]
        return rest[0] in self.names or any(rest[0] in members for members in self.classes.values())


def read_module(tree: ast.Module) -> Module:
    """The names that a module defines and the packages that it imports."""
    return Module(
        frozenset(_names(tree.body)),
        {
            node.name: frozenset(_names(node.body)) | _set_on_self(node)
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef)
        },
        frozenset(_imports(tree)),
    )


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def _names(body: Sequence[ast.stmt]) -> Iterator[str]:
    """What statements define. What they import is not theirs."""
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.Assign():
                for target in node.targets:
                    yield from (name.id for name in ast.walk(target) if isinstance(name, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.If() | ast.Try() | ast.With():
                yield from _names(node.body)
            case _:
                pass


def _set_on_self(node: ast.ClassDef) -> frozenset[str]:
    return frozenset(
        child.attr
        for child in ast.walk(node)
        if isinstance(child, ast.Attribute)
        and isinstance(child.ctx, ast.Store)
        and isinstance(child.value, ast.Name)
        and child.value.id == "self"
    )
