"""Rules about signs: a path, module, name, `make` target or link that a text mentions must exist.

A sign is a text in backticks that can only refer to this project: a path below one of its folders or with
the suffix of its files, a dotted name whose first part is one of its packages, rooms, modules or classes, a
`make` target, `python -m`, a test's name; and inside code a bare name of several words (`read_module`).
A sign may be short (`engine.migrate` for a function of controller/database/engine.py): it must be the end of
a full name. tests/meta/test_signs.py compares commands of our programs with the programs themselves.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import PurePosixPath
from posixpath import normpath

from tools.tidy.index import Index
from tools.tidy.project import PACKAGES, Finding, Project, ProjectRule
from tools.tidy.spans import Span, links, spans

TOP = (*PACKAGES, "tests", "tools", "benchmarks", "docs", "requirements")
_BELOW_TOP = tuple(f"{top}/" for top in TOP)
_OUR_SUFFIXES = (".py", ".md", ".toml", ".yaml", ".mako")

# Texts that look like signs and are none.
NOT_OURS = {
    "domain.md": "the founders' collection of facts, which is not part of the project",
}

# The topics of MQTT begin like the folder for Python users.
_TOPIC = "relance/v1/"

# A name of more than one word, which therefore is no English word.
_BARE = re.compile(r"_?[a-z]+(?:_[a-z0-9]+)+|[A-Z]+(?:_[A-Z0-9]+)+|[A-Z][a-z]+(?:[A-Z][a-z]*)+")
_DOTTED = re.compile(r"[A-Za-z]\w*(?:\.\w+)+")
# Endings of file names, as opposed to modules.
_FILE_ENDINGS = {"conf", "csv", "db", "html", "ini", "json", "jsonl", "key", "pem", "txt", "xz", "yml"}


def wrong_with(text: str, index: Index) -> str | None:
    """What is wrong with a sign; None if it is right, or does not refer to this project."""
    if text.startswith("make ") and (target := text.split()[1]).islower() and target not in index.targets:
        return f"`make {target}`: there is no such target"
    if text.startswith(_TOPIC):
        return None
    words = text.split()
    of_ours = [word for word in (each.strip(",:;()") for each in words) if word.startswith(_BELOW_TOP)]
    for word in of_ours:
        if not _is_form(word, index):
            missing = [path for path in _expanded(_without_line(word)) if not index.has_path(path)]
            if missing:
                return f"`{missing[0]}` does not exist"
    if (started := re.match(r"python -m ([\w.]+)", text)) and started[1] not in index.modules:
        return f"`python -m {started[1]}`: there is no such module"
    if of_ours:
        return None
    if len(words) == 1:
        return _wrong_with_word(_without_line(words[0]), index)
    call = re.match(r"([\w.]+)\(", text)
    return _wrong_with_dotted(call[1], index) if call else None


def wrong_with_bare(text: str, index: Index) -> str | None:
    """What is wrong with a bare name inside code. Pages are exempt: they may name what comes later."""
    if _BARE.fullmatch(text) and text not in index.words:
        return f"`{text}`: no name that our code uses"
    return None


def _wrong_with_word(word: str, index: Index) -> str | None:
    """Like `wrong_with`, for one word."""
    if word in NOT_OURS or _is_form(word, index):
        return None
    if re.fullmatch(r"test_\w+", word):
        defined = word in index.endings or any(word in module.names for module in index.modules.values())
        return None if defined else f"`{word}`: there is no such test"
    is_file = word.endswith(_OUR_SUFFIXES) and not word.startswith(".")
    in_a_room = word.partition("/")[0] in index.rooms and "/" in word
    if is_file or in_a_room:
        return None if word.rstrip("/") in index.endings else f"`{word}` does not exist"
    return _wrong_with_dotted(word.partition("(")[0], index)


def _wrong_with_dotted(word: str, index: Index) -> str | None:
    """Like `wrong_with`, for a dotted name."""
    if not _DOTTED.fullmatch(word):
        return None
    first, *rest = word.split(".")
    if first in sys.stdlib_module_names or first in index.libraries or rest[-1] in _FILE_ENDINGS:
        return None
    found = rest[0] in index.classes[first] if first in index.classes else index.has_name(word)
    return None if found else f"`{word}`: no module or name of ours"


def _is_form(path: str, index: Index) -> bool:
    """Whether it stands for many paths, with parts that a person replaces, or is a path elsewhere."""
    if re.search(r"[<>$~|…]|://|\{[^,}]*\}", path):
        return True
    return any(
        part.partition(".")[0].isupper() and part not in index.endings for part in re.split(r"[/-]", path)
    )


def _without_line(path: str) -> str:
    """A path without the `:12` of a line."""
    return re.sub(r":\d+(-\d+)?$", "", path)


def _expanded(path: str) -> list[str]:
    """`a/{b,c}` as a shell reads it."""
    match = re.search(r"\{([^{}]*)\}", path)
    if match is None:
        return [path]
    return [
        longer
        for choice in match[1].split(",")
        for longer in _expanded(path[: match.start()] + choice + path[match.end() :])
    ]


def signs(project: Project) -> Iterator[Finding]:
    """Every sign names something that exists."""
    index = Index(project)
    for span in spans(project):
        message = wrong_with(span.text, index)
        if message is None and span.path.endswith(".py"):
            message = wrong_with_bare(span.text, index)
        if message is not None:
            yield Finding(span.path, span.line, message)


def links_lead_somewhere(project: Project) -> Iterator[Finding]:
    """A relative link of a page leads to a file or folder of the project."""
    index = Index(project)
    for link in links(project):
        target = link.text.partition("#")[0]
        if target and not re.match(r"[a-z]+:", target) and not _reached(link, target, index):
            yield Finding(link.path, link.line, f"the link to {link.text} leads nowhere")


def _reached(link: Span, target: str, index: Index) -> bool:
    return normpath(str(PurePosixPath(link.path).parent / target)) in index.entries


RULES: tuple[ProjectRule, ...] = (signs, links_lead_somewhere)
