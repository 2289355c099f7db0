"""Which cards are in the readers now, without speaking to them."""

import os
from collections.abc import Mapping, Sequence

from cardreader.readers.opening import virtual_file
from cardreader.readers.pcsc_service import PcscService
from cardreader.readers.reader_states import ANY


def cards_present(readers: Sequence[str]) -> Mapping[str, tuple[int, ...]]:
    """The readers that have a card, each with a key: another key is another card, or one that was changed.

    A reader of PC/SC goes by its whole name. Raises UnreachableError where the readers cannot be asked.
    """
    found = dict[str, tuple[int, ...]]()
    real = list[str]()
    for reader in readers:
        path = virtual_file(reader, "--reader")
        if path is None:
            real.append(reader)
            continue
        try:
            state = os.stat(path)  # noqa: PTH116 # whose mtime in nanoseconds tells a card from the next one
        except OSError:
            continue  # there is no card
        found[reader] = (state.st_ino, state.st_mtime_ns)
    return {**found, **(_in_real(real) if real else {})}


def _in_real(wanted: Sequence[str]) -> Mapping[str, tuple[int, ...]]:
    with PcscService() as service:
        states = service.readers()
    return {
        each.name: (each.events,)
        for each in states
        if each.has_card and any(name == ANY or name.casefold() in each.name.casefold() for name in wanted)
    }
