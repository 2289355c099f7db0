"""The commands for files: SELECT, and reading and writing bytes and records (ISO 7816-4 §11.2 to §11.4).

Reading needs the right key where the file says so, writing always does. What is written is *staged*: it is
seen in the session that wrote it, and becomes the content of the files at COMMIT, all of it at once.
"""

from collections.abc import Callable
from typing import Final

from cardreader.card import records
from cardreader.card.keyring import RING_PAGES
from cardreader.card.store import Store
from cardreader.files.access import KeyHolder
from cardreader.files.layout import ADF, AID, FILES, IN_ADF, IN_MF, MF, CardFile, Structure, stored_as
from cardreader.iso7816 import instructions as iso
from cardreader.iso7816.apdu import CommandApdu, ResponseApdu
from cardreader.iso7816.instructions import Instruction
from cardreader.iso7816.status import StatusError, StatusWord
from cardreader.iso7816.tlv import tlv

# ISO 7816-4 §7.4: tags of file control information, and the descriptor byte of a folder.
_FCI: Final = 0x6F
_FCP: Final = 0x62
_SIZE: Final = 0x80
_DESCRIPTOR: Final = 0x82
_NAME: Final = 0x83
_AID_TAG: Final = 0x84
_SFI: Final = 0x88
_FOLDER: Final = b"\x38"
# §11.2.2: in P2 of SELECT, what the answer holds.
_WANTS_FCP: Final = 0x04
_WANTS_NOTHING: Final = 0x0C
_WANTS_BITS: Final = 0x0C
_OFFSET_BITS: Final = 0x7F


class FileCommands:
    """What is selected, what is staged, and the commands on it."""

    def __init__(self, store: Store) -> None:
        """With the main folder selected, as after power-on."""
        self._store = store
        self._folder = MF
        self._selected: CardFile | None = None
        self.staged = dict[int, bytes]()
        self.commands: dict[int, Callable[[CommandApdu, KeyHolder | None], ResponseApdu]] = {
            Instruction.SELECT: self._select,
            Instruction.READ_BINARY: self._read_binary,
            Instruction.UPDATE_BINARY: self._update_binary,
            Instruction.ERASE_BINARY: self._erase_binary,
            Instruction.READ_RECORD: self._read_record,
            Instruction.UPDATE_RECORD: self._write_record,
            Instruction.APPEND_RECORD: self._write_record,
        }

    def commit(self) -> None:
        """Makes what is staged the content of the files. Raises StatusError with NO_ROOM; then nothing is."""
        staged, self.staged = self.staged, {}
        self._store.commit(staged, RING_PAGES)

    def contents(self, who: KeyHolder | None) -> dict[CardFile, bytes]:
        """What each file of the application holds, but for the empty ones; with what the session has staged.

        Raises StatusError with NOT_ALLOWED outside of a session: the holder of any key may read all of it.
        """
        if who is None:
            raise StatusError(StatusWord.NOT_ALLOWED)
        return {file: data for file in IN_ADF if (data := self._content(file, who))}

    # ------------------------------------------------------------------------------------- selection

    def _select(self, command: CommandApdu, who: KeyHolder | None) -> ResponseApdu:
        found = self._found(command.p1, command.data)
        if found is None:
            raise StatusError(StatusWord.FILE_NOT_FOUND)
        if isinstance(found, CardFile):
            self._folder, self._selected = (MF if found in IN_MF else ADF), found
        else:
            self._folder, self._selected = found, None
        wants = command.p2 & _WANTS_BITS
        if wants == _WANTS_NOTHING or command.ne is None:
            return ResponseApdu(b"", StatusWord.OK)
        answer = tlv(_FCP if wants == _WANTS_FCP else _FCI, self._control(found, who))
        return ResponseApdu(answer[: command.ne], StatusWord.OK)

    def _found(self, how: int, data: bytes) -> "CardFile | int | None":
        """What SELECT names: a file, or the name of a folder."""
        match how:
            case iso.SELECT_BY_AID:
                # A part of the AID from its beginning is enough (§12.2.3.1).
                return ADF if data and AID.startswith(data) else None
            case iso.SELECT_PARENT:
                return MF
            case iso.SELECT_BY_NAME:
                return self._named(data) if data else MF
            case iso.SELECT_IN_FOLDER:
                found = self._named(data)
                return found if isinstance(found, CardFile) else None
            case iso.SELECT_BY_PATH:
                return self._at_path(data.removeprefix(MF.to_bytes(2)))
            case _:
                raise StatusError(StatusWord.WRONG_P1_P2)

    def _named(self, data: bytes) -> "CardFile | int | None":
        """A file of the folder that is selected, or a folder."""
        name = int.from_bytes(data) if len(data) == 2 else 0  # noqa: PLR2004 # a file's name has two bytes
        if name in (MF, ADF):
            return name
        return next((each for each in self._in_folder(self._folder) if each.fid == name), None)

    def _at_path(self, path: bytes) -> "CardFile | int | None":
        """What lies at a path from the main folder on."""
        folder = path.startswith(ADF.to_bytes(2))
        rest = path.removeprefix(ADF.to_bytes(2)) if folder else path
        if not rest:
            return ADF if folder else MF
        name = int.from_bytes(rest)
        return next((each for each in self._in_folder(ADF if folder else MF) if each.fid == name), None)

    @staticmethod
    def _in_folder(folder: int) -> tuple[CardFile, ...]:
        return IN_MF if folder == MF else IN_ADF

    def _control(self, found: "CardFile | int", who: KeyHolder | None) -> bytes:
        """The control parameters of a file or folder."""
        if not isinstance(found, CardFile):
            name = tlv(_AID_TAG, AID) if found == ADF else b""
            return tlv(_DESCRIPTOR, _FOLDER) + tlv(_NAME, found.to_bytes(2)) + name
        descriptor = bytes((found.structure,))
        if found.structure is not Structure.TRANSPARENT:
            # Data coding byte 21, then length and number of records (§7.4.5).
            descriptor += b"\x21" + found.record_bytes_max.to_bytes(2) + found.records_max.to_bytes(1)
        size = len(self._content(found, who)).to_bytes(2)
        sfi = tlv(_SFI, bytes((found.sfi << iso.SFI_SHIFT,))) if found.sfi else b""
        return tlv(_SIZE, size) + tlv(_DESCRIPTOR, descriptor) + tlv(_NAME, found.fid.to_bytes(2)) + sfi

    # ----------------------------------------------------------------------------------------- bytes

    def _read_binary(self, command: CommandApdu, who: KeyHolder | None) -> ResponseApdu:
        file, offset = self._file_and_offset(command)
        data = self._readable(file, Structure.TRANSPARENT, who)
        if offset > len(data):
            raise StatusError(StatusWord.OUTSIDE_FILE)
        if command.ne is None:
            raise StatusError(StatusWord.WRONG_LENGTH)
        piece = data[offset : offset + command.ne]
        return ResponseApdu(piece, StatusWord.OK if piece or not data else StatusWord.END_OF_FILE)

    def _update_binary(self, command: CommandApdu, who: KeyHolder | None) -> ResponseApdu:
        file, offset = self._file_and_offset(command)
        data = self._writable(file, Structure.TRANSPARENT, who)
        if offset > len(data):
            raise StatusError(StatusWord.OUTSIDE_FILE)
        if not command.data:
            raise StatusError(StatusWord.WRONG_LENGTH)
        self._stage(file, data[:offset] + command.data + data[offset + len(command.data) :])
        return ResponseApdu(b"", StatusWord.OK)

    def _erase_binary(self, command: CommandApdu, who: KeyHolder | None) -> ResponseApdu:
        """Everything from the place on: the file then ends there."""
        file, offset = self._file_and_offset(command)
        data = self._writable(file, Structure.TRANSPARENT, who)
        if offset > len(data):
            raise StatusError(StatusWord.OUTSIDE_FILE)
        self._stage(file, data[:offset])
        return ResponseApdu(b"", StatusWord.OK)

    def _file_and_offset(self, command: CommandApdu) -> tuple[CardFile, int]:
        if command.p1 & iso.BY_SFI:
            return self._of_sfi(command.p1 & iso.SFI_BITS), command.p2
        return self._of_sfi(0), (command.p1 & _OFFSET_BITS) << 8 | command.p2

    # --------------------------------------------------------------------------------------- records

    def _read_record(self, command: CommandApdu, who: KeyHolder | None) -> ResponseApdu:
        data = self._readable(self._file_of_records(command), None, who)
        if command.ne is None:
            raise StatusError(StatusWord.WRONG_LENGTH)
        return ResponseApdu(records.read_record(data, command.p1)[: command.ne], StatusWord.OK)

    def _write_record(self, command: CommandApdu, who: KeyHolder | None) -> ResponseApdu:
        """UPDATE RECORD and APPEND RECORD."""
        appends = command.ins == Instruction.APPEND_RECORD
        file = self._file_of_records(command, 0 if appends else iso.BY_NUMBER)
        data = self._writable(file, None, who)
        number = None if appends else command.p1
        self._stage(file, records.with_record(file, data, command.data, number))
        return ResponseApdu(b"", StatusWord.OK)

    def _file_of_records(self, command: CommandApdu, mode: int = iso.BY_NUMBER) -> CardFile:
        if command.p2 & ~(iso.SFI_BITS << iso.SFI_SHIFT) != mode:
            raise StatusError(StatusWord.WRONG_P1_P2)
        return self._of_sfi(command.p2 >> iso.SFI_SHIFT)

    # ---------------------------------------------------------------------------------------- rights

    def _of_sfi(self, sfi: int) -> CardFile:
        """The file of this short identifier, which becomes the selected one; 0: the selected one."""
        if sfi:
            found = next((each for each in FILES if each.sfi == sfi and self._folder == ADF), None)
            if found is None:
                raise StatusError(StatusWord.FILE_NOT_FOUND)
            self._selected = found
        if self._selected is None:
            raise StatusError(StatusWord.NO_FILE_SELECTED)
        return self._selected

    def _readable(self, file: CardFile, structure: Structure | None, who: KeyHolder | None) -> bytes:
        _check_structure(file, structure)
        if file.readers and who not in file.readers:
            raise StatusError(StatusWord.NOT_ALLOWED)
        return self._content(file, who)

    def _writable(self, file: CardFile, structure: Structure | None, who: KeyHolder | None) -> bytes:
        _check_structure(file, structure)
        if who not in file.writers:
            raise StatusError(StatusWord.NOT_ALLOWED)
        return self._content(file, who)

    def _content(self, file: CardFile, who: KeyHolder | None) -> bytes:
        """The bytes of a file; what is staged is seen in the session alone."""
        name = stored_as(file)
        return self.staged[name] if who is not None and name in self.staged else self._store.read(name)

    def _stage(self, file: CardFile, data: bytes) -> None:
        if len(data) > file.bytes_max + file.records_max:
            raise StatusError(StatusWord.NO_ROOM)
        self.staged[stored_as(file)] = data


def _check_structure(file: CardFile, expected: Structure | None) -> None:
    """None: any file of records."""
    if (file.structure is Structure.TRANSPARENT) != (expected is Structure.TRANSPARENT):
        raise StatusError(StatusWord.WRONG_STRUCTURE)
