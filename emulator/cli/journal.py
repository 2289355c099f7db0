"""`relance-emulator journal verify|replay`: checks the chains and the verdicts of black boxes in files."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from emulator.cli.app import PROGRAM
from emulator.cli.options import Json
from emulator.firmware.replay import Replayed, replay
from emulator.fleet.files import read_journal
from protocols.chain import Entry, Head, verify
from protocols.errors import DocumentError, InputError
from protocols.instants import iso_or_none
from protocols.link.question import Question
from protocols.reasons import Because, SupplyReason
from protocols.rim.commands import examples
from protocols.rim.terminal import Exit, complain

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Journal files (METER.jsonl).")]

journal_app = typer.Typer(name="journal", help="Check meters' black boxes.", no_args_is_help=True)


@journal_app.command("verify", epilog=examples(PROGRAM, "journal verify fleet/journals/*.jsonl"))
def verify_journals(files: Files, *, as_json: Json = False) -> int:
    """Check that the chain of each journal is whole.

    Ends with 0 if all are whole, 1 if one is broken (the output says at which entry), 2 if a file is no
    journal.
    """
    whole = [_verify_file(file, read_journal(file), as_json=as_json) for file in files]
    return Exit.DONE if all(whole) else Exit.NO


@journal_app.command("replay", epilog=examples(PROGRAM, "journal replay fleet/journals/m00001.jsonl"))
def replay_journals(
    files: Files,
    *,
    as_json: Json = False,
) -> int:
    """Ask the gate every recorded question again, and print why it opened.

    Ends with 0 if every verdict is as recorded, 1 if one is not or a chain is broken, 2 if a file is no
    journal.
    """
    found = [_replay_file(file, read_journal(file), as_json=as_json) for file in files]
    return Exit.DONE if all(found) else Exit.NO


def _replay_file(file: Path, entries: list[Entry], *, as_json: bool) -> bool:
    """Print the verdicts of one journal. Whether its chain is whole and all verdicts are as recorded."""
    number = broken_at(entries)
    if number is not None:
        complain(f"{file}: broken at entry {number}: what stands there is not what was written")
    try:
        verdicts = list(replay(entries))
    except DocumentError as error:
        raise InputError(f"{file}: {error}; allowed: the black box of a guarded meter") from None
    for each in verdicts:
        for line in [_json_line(file, each)] if as_json else sentences(each):
            _write(line if as_json else f"{file}: {line}")
    others = sum(not each.agrees for each in verdicts)
    if not as_json:
        result = f"{others} come out otherwise" if others else "all agree"
        _write(f"{file}: {len(verdicts)} verdicts asked again" + (f", {result}" if verdicts else ""))
    return number is None and not others


def broken_at(entries: list[Entry]) -> int | None:
    """The first number at which a chain is broken. It may begin anywhere: a ring overwrites its oldest."""
    if not entries:
        return None
    return verify(entries, Head(entries[0].number - 1, entries[0].previous_hash))


def _verify_file(file: Path, entries: list[Entry], *, as_json: bool) -> bool:
    """Print whether the chain of a journal is whole, and return it."""
    number = broken_at(entries)
    if as_json:
        fields = {
            "file": str(file),
            "whole": number is None,
            "broken_at": number,
            "first": entries[0].number if entries else None,
            "last": entries[-1].number if entries else None,
            "head": entries[-1].hash.hex() if entries and number is None else None,
        }
        _write(msgspec.json.encode(fields).decode())
    elif number is not None:
        _write(f"{file}: broken at entry {number}")
    elif not entries:
        _write(f"{file}: empty")
    else:
        first, last = entries[0], entries[-1]
        _write(f"{file}: whole: entries {first.number} to {last.number}, head {last.hash.hex()}")
    return number is None


def sentences(replayed: Replayed) -> Iterator[str]:
    """The text for a person: each opening with its reasons, and every verdict that is not as recorded."""
    if replayed.recorded_open:
        yield f"entry {replayed.number}: {_why_open(replayed.question)}"
    if not replayed.agrees:
        yield (
            f"entry {replayed.number}: DISAGREES: recorded {_verdict(replayed.recorded_open)} "
            f"({replayed.recorded_reason}), asked again {_verdict(replayed.verdict.open)} "
            f"({replayed.verdict.reason})"
        )


def _why_open(question: Question) -> str:
    interval, permission = question.interval, question.permission
    latest = "any time later" if interval.latest_ms is None else _instant(interval.latest_ms)
    reasons = [
        f"opened for {question.cause}: {_evidence(question)}",
        f"the clock was {interval.status} and said {_instant(interval.earliest_ms)} to {latest}",
        _window(question),
    ]
    if permission.lease_ends_ms is not None:
        named = "all that it names was stored" if permission.complete else "not all that it names was stored"
        reasons.append(f"the lease ran to {_instant(permission.lease_ends_ms)}, {named}")
    reasons.append(_holds(question))
    return "; ".join(reasons)


def _evidence(question: Question) -> str:
    evidence = question.evidence
    if question.cause is SupplyReason.CREDIT:
        return "no credit was left" if evidence.nothing_left else "credit was left"
    if question.cause is SupplyReason.CUT_ORDER:
        ends = f"{_instant(evidence.order_from_ms)} to {_instant(evidence.order_until_ms)}"
        return f"ordered for {ends}" + (", but cancelled" if evidence.cancelled else "")
    return "ordered" if evidence.limiter_ordered else "a safety cause, which nothing holds back"


def _window(question: Question) -> str:
    interval = question.interval
    for start_ms, end_ms in question.permission.windows_ms:
        if start_ms <= interval.earliest_ms < end_ms:
            return f"inside the window {_instant(start_ms)} to {_instant(end_ms)}"
    return "inside no window"


def _holds(question: Question) -> str:
    names = [hold.name for hold in question.holds]
    if question.flags.release_holds:
        names.append("a release")
    return f"holds known: {', '.join(names)}" if names else "no hold was known"


def _json_line(file: Path, replayed: Replayed) -> str:
    fields = {
        "file": str(file),
        "number": replayed.number,
        "tick": replayed.tick,
        "agrees": replayed.agrees,
        "recorded": {"open": replayed.recorded_open, "reason": replayed.recorded_reason},
        "asked_again": {"open": replayed.verdict.open, "reason": Because(replayed.verdict.reason)},
        "why": _why_open(replayed.question) if replayed.recorded_open else None,
        "question": replayed.question,
    }
    return msgspec.json.encode(fields).decode()


def _verdict(is_open: bool) -> str:  # noqa: FBT001
    return "open" if is_open else "shut"


def _instant(instant_ms: int) -> str:
    return iso_or_none(instant_ms) or f"{instant_ms} ms"


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
