"""Record files: how their records lie in the bytes of the file (ISO 7816-4 §7.3.2, §7.4.2).

Each record has its length, one byte, in front. In a cyclic file record 1 is the newest, and of too many the
oldest goes. Pure.
"""

from cardreader.files.layout import CardFile, Structure
from cardreader.iso7816.status import StatusError, StatusWord


def split(data: bytes) -> list[bytes]:
    """The records of a file. They were written by `join`, and the store's checksum covers them."""
    records, at = list[bytes](), 0
    while at < len(data):
        end = at + 1 + data[at]
        records.append(data[at + 1 : end])
        at = end
    return records


def join(records: list[bytes]) -> bytes:
    """The bytes of a file with these records."""
    return b"".join(bytes((len(record),)) + record for record in records)


def read_record(data: bytes, number: int) -> bytes:
    """The record of this number, from 1 on. Raises StatusError with RECORD_NOT_FOUND."""
    records = split(data)
    if not 1 <= number <= len(records):
        raise StatusError(StatusWord.RECORD_NOT_FOUND)
    return records[number - 1]


def with_record(file: CardFile, data: bytes, record: bytes, number: int | None = None) -> bytes:
    """The file with this record in the place of record `number`; None: added to it.

    Raises StatusError: WRONG_LENGTH for an empty record or one that is too long, NO_ROOM for one too many in
    a linear file, WRONG_STRUCTURE for a change of a cyclic file's record.
    """
    if not 1 <= len(record) <= file.record_bytes_max:
        raise StatusError(StatusWord.WRONG_LENGTH)
    records = split(data)
    if number is not None:
        if file.structure is Structure.CYCLIC:
            raise StatusError(StatusWord.WRONG_STRUCTURE)
        read_record(data, number)
        records[number - 1] = record
    elif file.structure is Structure.CYCLIC:
        records = [record, *records[: file.records_max - 1]]
    elif len(records) >= file.records_max:
        raise StatusError(StatusWord.NO_ROOM)
    else:
        records.append(record)
    return join(records)
