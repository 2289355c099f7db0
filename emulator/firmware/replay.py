"""Replays a black box: the gate judges the question of every recorded verdict again.

So the cause of a cut is known within an hour, where the operator of 2020 did not know it (design §2.8, §4.4).
Where the two verdicts differ, another gate made the recorded one, or the record was changed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from emulator.firmware.guarded.gate import Verdict, judge
from emulator.firmware.journal import read_body
from emulator.firmware.ticks import Tick
from protocols.chain import Entry
from protocols.errors import DocumentError
from protocols.link.question import Question
from protocols.link.records import GateJudged
from protocols.reasons import Because


@dataclass(frozen=True, slots=True)
class Replayed:
    """One recorded verdict and what the gate says to its question now. `number`: in the black box."""

    number: int
    tick: Tick
    question: Question
    recorded_open: bool
    recorded_reason: Because
    verdict: Verdict

    @property
    def agrees(self) -> bool:
        return (self.recorded_open, self.recorded_reason) == (self.verdict.open, self.verdict.reason)


def replay(entries: Iterable[Entry]) -> Iterator[Replayed]:
    """Each verdict of the gate among these entries, in their order.

    Raises DocumentError, naming the entry, where a body cannot be read.
    """
    for entry in entries:
        try:
            logged = read_body(entry.body)
            if not isinstance(logged.record, GateJudged):
                continue
        except DocumentError as error:
            raise DocumentError(f"entry {entry.number}: {error}") from None
        recorded = logged.record
        question = recorded.question
        yield Replayed(entry.number, logged.tick, question, recorded.open, recorded.reason, judge(question))
