"""The meter's own records, beside the report of a story that it failed: they say why it did what it did."""

from emulator.firmware.journal import write_body
from emulator.firmware.ticks import Tick
from hil.capabilities import BenchError, JournalReader
from hil.record.model import Attachment
from hil.stories.stage import StoryBench

_NAME = "black-box.jsonl"


def black_box_of(stage: StoryBench) -> Attachment | None:
    """All records that the meter still has, a JSON object a line; or why it did not tell them.

    None on a bench that cannot read them.
    """
    if not stage.has(JournalReader):
        return None
    try:
        lines = [write_body(Tick(tick), record).decode() for tick, record in stage.journal.records()]
    except BenchError as error:
        lines = [str(error)]
    return Attachment(_NAME, "application/x-ndjson", "\n".join(lines) + "\n")
