"""A receipt as ESC/POS, the language of receipt printers: 42 columns, code page 858, a cut at the end."""

from cardreader.receipts.slip import Slip
from cardreader.receipts.text import text_of
from protocols.errors import UnreachableError

_NEEDS = "a receipt printer needs the extra `relance[kiosk]`: pip install 'relance[kiosk]'"
_CODE_PAGE = "CP858"  # code page 850 with the euro sign


def escpos_of(slip: Slip) -> bytes:
    """The bytes that print it. Raises UnreachableError without python-escpos (extra `[kiosk]`)."""
    try:
        from escpos.escpos import Escpos  # noqa: PLC0415 # an extra, and slow to load
    except ImportError:
        raise UnreachableError(_NEEDS) from None

    class Roll(Escpos):  # type: ignore[misc,unused-ignore] # a library without types
        """Gathers what would go to a printer."""

        def __init__(self) -> None:
            super().__init__()
            self.data = b""

        def _raw(self, msg: bytes) -> None:
            self.data += msg

    printer = Roll()
    printer.hw("INIT")
    printer.charcode(_CODE_PAGE)
    printer.text(text_of(slip))
    printer.cut()
    return printer.data
