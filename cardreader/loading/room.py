"""How much of a card's memory contents take, and which of them fit into the room that is left. Pure.

A commit needs free pages for the new content of every file that it changes, while the old one still lies
there. It also writes the log anew.
"""

from collections.abc import Mapping
from typing import Final

from cardreader.card.store import PAGE_BYTES
from cardreader.files.layout import LOG, CardFile
from cardreader.files.visits import RECORD_BYTES

# Each record has a byte of length in front.
LOG_PAGES: Final = -(-LOG.records_max * (RECORD_BYTES + 1) // PAGE_BYTES)


def pages(content: bytes) -> int:
    """How many pages it takes."""
    return -(-len(content) // PAGE_BYTES)


def fitting(contents: Mapping[CardFile, bytes], free_bytes: int) -> dict[CardFile, bytes]:
    """Those that one commit can write beside a line of the log; the first ones are the most important.

    What does not fit is left out, and the file keeps its old content.
    """
    left, found = free_bytes // PAGE_BYTES - LOG_PAGES, dict[CardFile, bytes]()
    for file, content in contents.items():
        if pages(content) <= left:
            left -= pages(content)
            found[file] = content
    return found
