"""A queue of people: card after card, a result for each, and an end between two cards.

A card that is being written is finished first when somebody types Ctrl-C; the second time ends at once.
"""

import queue
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from cardreader.kiosk.clerks_key import KeyClosedError
from cardreader.readers.inserted import InsertedCard
from cardreader.readers.opening import open_card, virtual_file
from cardreader.readers.reader_events import CardCame, ReaderEvent, ReadersLost
from cardreader.readers.watching import Watcher
from protocols.errors import InputError, RelanceError
from protocols.rim.agent.asking import AgentClosedError
from protocols.rim.terminal import Exit, complain, warn

# A line names a reader or a file; a queue of a whole town is shorter.
_LIST_BYTES_MAX: Final = 1024 * 1024
# What a card's result says it did; all else is a failure.
WRITTEN: Final = "written"
REPEATED: Final = "repeated"
LEFT: Final = "left"
FAILED: Final = "failed"

ServeOne = Callable[[InsertedCard], tuple[Mapping[str, Any], str]]


def readers_of(readers: Sequence[str], cards: Path | None) -> tuple[str, ...]:
    """The readers of a queue: many files, or one reader of PC/SC in which card after card is put.

    Raises InputError where none is named, for both kinds at once, and for a list that cannot be read.
    """
    found = (*readers, *(() if cards is None else _listed(cards)))
    real = [each for each in found if virtual_file(each, "--reader") is None]
    if not found or (real and len(found) > 1):
        raise InputError("allowed: one --reader NAME, or --reader virtual:FILE as often as needed, or --list")
    return found


def serve_queue(readers: Sequence[str], serve_one: ServeOne, resume: str, *, as_json: bool) -> int:
    """Serves the cards; a line for each. `resume`: how to go on after an interruption.

    Ends with 1 where a card was not served. Raises KeyClosedError or AgentClosedError, after
    saying how far it came.
    """
    tally = dict.fromkeys((WRITTEN, REPEATED, LEFT, FAILED), 0)
    is_done = False
    try:
        with _between_cards() as busy:
            for reader in _in_turn(readers):
                with busy():
                    fields, said = _served(reader, serve_one)
                    tally[fields["did"]] += 1
                    _write({"reader": reader, **fields}, f"{sum(tally.values())}. {said}", as_json=as_json)
        is_done = True
    finally:
        complain(_summary(tally) + ("" if is_done else f"; to go on: {resume}"))
    return Exit.NO if tally[FAILED] else Exit.DONE


def _served(reader: str, serve_one: ServeOne) -> tuple[Mapping[str, Any], str]:
    """What was done with the card in this reader; an error is the card's own, and the next one is served."""
    try:
        with open_card(reader) as channel:
            return serve_one(channel)
    except (KeyClosedError, AgentClosedError):
        raise
    except RelanceError as error:
        return {"did": FAILED, "why": str(error)}, f"{reader}: failed: {error}"


def _in_turn(readers: Sequence[str]) -> Iterator[str]:
    if virtual_file(readers[0], "--reader") is not None:
        yield from readers
        return
    events = queue.Queue[ReaderEvent]()
    with Watcher(readers[0], events.put):
        complain("card after card; Ctrl-C between two cards ends it")
        yield from came(iter(events.get, None))


def came(events: Iterable[ReaderEvent]) -> Iterator[str]:
    """The readers in which a card has come, each card once."""
    for event in events:
        match event:
            case CardCame(reader, is_mute=False):
                yield reader
            case CardCame(reader):
                warn([f"{reader}: the card does not answer; it may lie the wrong way round"])
            case ReadersLost(why):
                warn([why])


@contextmanager
def _between_cards() -> Iterator[Callable[[], Any]]:
    """Holds Ctrl-C back within `busy()`, once, until the card is finished."""
    state = {"is_busy": False, "is_asked": False}

    def interrupted(_number: int, _frame: object) -> None:
        if not state["is_busy"] or state["is_asked"]:
            raise KeyboardInterrupt
        state["is_asked"] = True
        complain("this card is finished first; once more ends at once")

    @contextmanager
    def busy() -> Iterator[None]:
        state["is_busy"] = True
        try:
            yield
        finally:
            state["is_busy"] = False
        if state["is_asked"]:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield busy
    finally:
        signal.signal(signal.SIGINT, before)


def _listed(path: Path) -> list[str]:
    """The cards of a list: a reader or file a line; empty lines and those after `#` say nothing."""
    try:
        with path.open("rb") as file:
            data = file.read(_LIST_BYTES_MAX + 1)
        text = data.decode()
    except OSError as error:
        raise InputError(f"--list: {path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"--list: {path}: not UTF-8") from None
    if len(data) > _LIST_BYTES_MAX:
        raise InputError(f"--list: {path}: too long; allowed: {_LIST_BYTES_MAX} bytes")
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _summary(tally: Mapping[str, int]) -> str:
    cards = sum(tally.values())
    counted = [f"{number} {did}" for did, number in tally.items() if number]
    return f"{cards} {'card' if cards == 1 else 'cards'}" + (f": {', '.join(counted)}" if counted else "")


def _write(fields: Mapping[str, Any], said: str, *, as_json: bool) -> None:
    sys.stdout.write((msgspec.json.encode(fields).decode() if as_json else said) + "\n")
    sys.stdout.flush()
