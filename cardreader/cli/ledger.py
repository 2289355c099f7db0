"""The ledger of a kiosk for practice: which payments were taken for which meter, in a file beside the card.

A payment is booked before the card is touched; the statement on the card is the sum of what is booked. So a
card that is torn, or put back to an earlier image, gets the same total again, and no payment counts twice.
"""

import os
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

import msgspec
from msgspec import Struct

from cardreader.readers.locked_file import opened, replaced
from protocols.errors import InputError, RefusedError
from protocols.units import QUANTA_PER_UEUR, eur_from_quanta

ISSUER: Final = "practice-kiosk"
_FILE_BYTES_MAX: Final = 4 * 1024 * 1024


class PracticePayment(Struct, frozen=True):
    """One payment."""

    id: str
    meter: str
    amount_ueur: int


class Ledger(Struct, frozen=True):
    """All payments, the first one first. `found_ueur`: the total of each meter before its first one here."""

    found_ueur: dict[str, int] = {}
    payments: tuple[PracticePayment, ...] = ()
    v: Literal[1] = 1

    def of(self, meter: str) -> tuple[int, int]:
        """How many payments a meter had, and their total with what was found."""
        amounts = [each.amount_ueur for each in self.payments if each.meter == meter]
        return len(amounts), sum(amounts) + self.found_ueur.get(meter, 0)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Ledger)


class LedgerFile:
    """The file, locked while it is used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: int | None = None
        self.ledger = Ledger()

    def __enter__(self) -> Self:
        if self._path.exists():
            self._lock = opened(self._path, "ledger", "a new one is made by the first payment")
            try:
                self.ledger = _decoder.decode(os.pread(self._lock, _FILE_BYTES_MAX, 0))
            except msgspec.MsgspecError as error:
                self._close()
                raise InputError(f"--ledger: {self._path}: no ledger: {error}") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def book(self, payment: PracticePayment, found_ueur: int) -> bool:
        """Books a payment. Returns False for one that is booked already.

        Raises RefusedError where its id is another payment, InputError where the file cannot be written.
        """
        same = next((each for each in self.ledger.payments if each.id == payment.id), None)
        if same == payment:
            return False
        if same is not None:
            said = f"{eur_from_quanta(same.amount_ueur * QUANTA_PER_UEUR)} € for meter {same.meter}"
            raise RefusedError(f"--id: {payment.id} is another payment, of {said}; take a new id")
        found = {payment.meter: found_ueur} | self.ledger.found_ueur
        self.ledger = Ledger(found, (*self.ledger.payments, payment))
        try:
            new = replaced(self._path, _encoder.encode(self.ledger))
        except OSError as error:
            raise InputError(f"--ledger: {self._path}: cannot be written: {error.strerror}") from None
        self._close()
        self._lock = new
        return True

    def _close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
