"""JUnit's XML: the results of tests as CI servers read them. Pure: values in, text out.

JUnit itself publishes no schema. This is the form that Jenkins, GitLab and junitparser read alike: a suite
with its counts, cases with at most one of `failure`, `error` and `skipped`, properties, and what was printed.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from protocols.instants import SECOND_MS

HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n'
TAIL: Final = "</testsuites>\n"

# XML 1.0, section 2.2: no document can hold any other character, not even escaped.
_NEVER_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@unique
class CaseEnd(StrEnum):
    """How a case ended that did not pass, as the name of its element."""

    FAILURE = "failure"
    ERROR = "error"
    SKIPPED = "skipped"


Properties = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class JunitCase:
    """One case. `end`: None if it passed; `message` is its one line, `details` all that is told of it."""

    classname: str
    name: str
    end: CaseEnd | None = None
    message: str = ""
    details: str = ""
    took_ms: int | None = None
    properties: Properties = ()
    output: str = ""


@dataclass(frozen=True, slots=True)
class JunitSuite:
    """One suite. `timestamp`: when it began, in ISO 8601; empty if that is not told."""

    name: str
    cases: Sequence[JunitCase]
    timestamp: str = ""
    took_ms: int | None = None
    properties: Properties = ()


def suite_xml(suite: JunitSuite) -> str:
    """The element of a suite. `HEAD`, some of these and `TAIL` are a document."""
    return "".join(_suite(suite))


def visible(text: str) -> str:
    r"""A text in which characters that XML cannot hold are written out: STX as `\x02`."""
    return _NEVER_IN_XML.sub(lambda found: _written_out(ord(found[0])), text)


def _written_out(code_point: int) -> str:
    return f"\\x{code_point:02x}" if code_point <= 0xFF else f"\\u{code_point:04x}"  # noqa: PLR2004 # one byte


def _suite(suite: JunitSuite) -> Iterator[str]:
    counts = " ".join(
        f'{name}="{sum(case.end is end for case in suite.cases)}"'
        for name, end in (
            ("failures", CaseEnd.FAILURE),
            ("errors", CaseEnd.ERROR),
            ("skipped", CaseEnd.SKIPPED),
        )
    )
    yield f'  <testsuite name={_attribute(suite.name)} tests="{len(suite.cases)}" {counts}'
    yield f"{_time(suite.took_ms)}"
    yield f" timestamp={_attribute(suite.timestamp)}>\n" if suite.timestamp else ">\n"
    yield from _properties(suite.properties, " " * 4)
    for case in suite.cases:
        yield from _case(case)
    yield "  </testsuite>\n"


def _case(case: JunitCase) -> Iterator[str]:
    yield f"    <testcase classname={_attribute(case.classname)} name={_attribute(case.name)}"
    yield _time(case.took_ms)
    inside = "".join(_inside(case))
    yield f">\n{inside}    </testcase>\n" if inside else "/>\n"


def _inside(case: JunitCase) -> Iterator[str]:
    yield from _properties(case.properties, " " * 6)
    if case.end is not None:
        yield f"      <{case.end} message={_attribute(case.message)}>{_text(case.details)}</{case.end}>\n"
    if case.output:
        yield f"      <system-out>{_text(case.output)}</system-out>\n"


def _properties(properties: Properties, indent: str) -> Iterator[str]:
    if properties:
        yield f"{indent}<properties>\n"
        yield from _each_property(properties, indent)
        yield f"{indent}</properties>\n"


def _each_property(properties: Iterable[tuple[str, str]], indent: str) -> Iterator[str]:
    for name, value in properties:
        yield f"{indent}  <property name={_attribute(name)} value={_attribute(value)}/>\n"


def _time(took_ms: int | None) -> str:
    """The attribute `time`, in seconds."""
    if took_ms is None:
        return ""
    return f' time="{took_ms // SECOND_MS}.{took_ms % SECOND_MS:03}"'


def _attribute(text: str) -> str:
    return quoteattr(visible(text))


def _text(text: str) -> str:
    """A text between tags. A carriage return is escaped: readers turn one into a line feed (section 2.11)."""
    return escape(visible(text), {"\r": "&#13;"})
