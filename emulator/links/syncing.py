"""The messages with what a link's meters hold and with their readings, each within the size limit. Pure."""

from collections.abc import Sequence

from protocols.limits import READINGS_PER_BATCH_MAX
from protocols.link.messages import in_messages, write_readings, write_sync


def sync_messages(link: str, words: Sequence[bytes]) -> list[bytes]:
    """The words in as many messages as the size limit requires; an empty one for a link without meters."""
    batches = list(in_messages(words)) or [()]
    return [
        write_sync(link, batch, more=number < len(batches)) for number, batch in enumerate(batches, start=1)
    ]


def readings_messages(link: str, words: Sequence[bytes]) -> list[bytes]:
    """Readings in batches."""
    return [write_readings(link, batch) for batch in in_messages(words, READINGS_PER_BATCH_MAX)]
