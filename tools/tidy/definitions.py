"""Rules about names over all packages: a public class is defined once."""

import ast
from collections import defaultdict
from collections.abc import Iterator

from tools.tidy.project import PACKAGES, Finding, Project, ProjectRule

# A ratchet: classes that share their name, with how many do. Numbers here only ever fall, and a name
# that is down to one leaves. Public functions may share theirs: `read`, `step`, `verify` are used
# with their module's name in front, and a verb of the command line is named as the person types it.
SHARED_NAMES = {
    "Channel": 2,
    "Desk": 2,
    "Entry": 2,
    "Finding": 3,
    "Household": 2,
    "Kept": 2,
    "Order": 2,
    "Overcurrent": 2,
    "Place": 2,
    "Reach": 2,
    "Refused": 2,
    "Release": 2,
    "Secrets": 2,
    "SetLoad": 2,
    "TopUp": 2,
    "Witness": 2,
}


def classes_once(project: Project) -> Iterator[Finding]:
    """A public class name means one thing in all packages; `SHARED_NAMES` are the exceptions left."""
    places = _public_classes(project)
    for name, defined in places.items():
        allowed = SHARED_NAMES.get(name, 1)
        path, line = defined[-1]
        if len(defined) > allowed:
            others = ", ".join(other for other, _line in defined[:-1])
            yield Finding(path, line, f"class {name} is defined in {others} too: name this one by what it is")
        if len(defined) < allowed:
            yield Finding(path, line, f"class {name} is down to {len(defined)}: lower it in SHARED_NAMES")
    for name in sorted(SHARED_NAMES.keys() - places.keys()):
        yield Finding("tools/tidy/definitions.py", 1, f"class {name} is gone: take it out of SHARED_NAMES")


def _public_classes(project: Project) -> dict[str, list[tuple[str, int]]]:
    """Per name, where classes of that name are defined, in the order of the paths."""
    places: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for path, tree in project.python(*PACKAGES):
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append((path, node.lineno))
    return places


RULES: tuple[ProjectRule, ...] = (classes_once,)
