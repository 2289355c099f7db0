"""The non-volatile image as bytes, versioned. Torn writes are the business of `protocols.slots`."""

import msgspec

from emulator.firmware.credit import CountedTable
from emulator.firmware.guarded.clock import pack_tables
from emulator.firmware.guarded.memory import Allowances, HarmRevs, Memory
from emulator.firmware.guarded.sharing import shared, shared_packed, shared_table
from emulator.firmware.packed import encode_packed
from protocols.errors import DocumentError

# Raised whenever a field changes its meaning; another version's image is not guessed at.
VERSION = 1


class _Image(msgspec.Struct, array_like=True):
    version: int
    memory: Memory


_encoder = msgspec.msgpack.Encoder(enc_hook=encode_packed)
_decoder = msgspec.msgpack.Decoder(_Image)


def encode_image(memory: Memory) -> bytes:
    """What `decode_image` reads back to the same memory."""
    return _encoder.encode(_Image(VERSION, memory))


def decode_image(data: bytes) -> Memory:
    """Raises DocumentError where the bytes are no image of this version."""
    try:
        image = _decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise DocumentError(f"image: {error}") from None
    if image.version != VERSION:
        raise DocumentError(f"image: version {image.version}; this firmware reads {VERSION}")
    return _share(image.memory)


def _share(memory: Memory) -> Memory:
    """What other meters of this process store too is held once, as it was before the power cut."""
    memory.protections = shared_table(memory.protections)
    memory.calendars = shared_table(memory.calendars)
    memory.harm_revs = shared_packed(HarmRevs, memory.harm_revs)
    memory.issuers = None if memory.issuers is None else shared(memory.issuers)
    memory.tariff = None if memory.tariff is None else shared(memory.tariff)
    memory.parameters = None if memory.parameters is None else shared(memory.parameters)
    memory.deferrals = shared_table(memory.deferrals)
    pack_tables(memory.clock)
    memory.allowances = Allowances.pack(memory.allowances)
    memory.credit.counted = CountedTable.pack(memory.credit.counted)
    memory.lease = None if memory.lease is None else shared(memory.lease)
    return memory
