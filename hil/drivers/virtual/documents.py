"""What a virtual bench writes and reads that no console tells: documents of any words, and the account."""

from cardreader.issuing.practice import practice_signer
from hil.capabilities import BenchError
from hil.drivers.virtual.installed import VirtualMeter
from protocols.documents.accounts import Account
from protocols.documents.envelope import Signer, seal
from protocols.documents.orders import ORDER_TYPE, TIME_TYPE, Order, SignedTime, write_document
from protocols.errors import DocumentError
from protocols.reasons import Source


class VirtualDocuments:
    """`Documents`: keys of the practice, of the meter's own seed."""

    def __init__(self, meter: VirtualMeter) -> None:
        self._meter = meter

    def key_of(self, holder: str) -> str:
        """As `Documents`."""
        return self._signer(holder).keyid

    def seal(self, what: Order | SignedTime, *holders: str) -> bytes:
        """As `Documents`."""
        payload_type = ORDER_TYPE if isinstance(what, Order) else TIME_TYPE
        try:
            return seal(write_document(what), payload_type, [self._signer(each) for each in holders])
        except DocumentError as error:
            raise BenchError(f"document: one that can be carried expected; {error}") from None

    def bring(self, data: bytes) -> None:
        """As `Documents`."""
        self._meter.installed.bring_document(data)

    def ask_time(self, source: Source) -> str:
        """As `Documents`. Raises BenchError of a meter that asks nobody."""
        nonce = self._meter.installed.ask_time(source)
        if not nonce:
            raise BenchError("time: a question of the meter expected; found: none, it asks nobody")
        return nonce

    def _signer(self, holder: str) -> Signer:
        return practice_signer(str(self._meter.present.seed), holder)


class VirtualAccount:
    """`AccountReader`."""

    def __init__(self, meter: VirtualMeter) -> None:
        self._meter = meter

    def account(self) -> Account:
        """As `AccountReader`."""
        return self._meter.view().readout.purse.account
