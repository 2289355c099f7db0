"""`Orders` of a bench that has a meter's DLMS port: signed documents through its token gateway (class 115).

The meter on such a bench is commissioned with the root of a practice: its people and authorities have the
keys of a seed, which everybody knows, and which no fleet believes. A meter is kept from run to run. So
revisions, numbers and the epoch of payments begin above those of the run before: at the second in which this
one begins.
"""

from dataclasses import replace
from typing import Final

from emulator.faces.dlms.model import logical_name
from emulator.faces.dlms.values import octets
from emulator.scenario.desk import Desk
from emulator.scenario.keyring import Keyring
from emulator.scenario.model import (
    CancelCutSpec,
    CutCalendarSpec,
    HoldSpec,
    IssuersSpec,
    LiftHoldSpec,
    ProgrammedCutSpec,
    RebaseSpec,
    ShortenHoldSpec,
    TopUpSpec,
)
from emulator.scenario.writing import PlainSpec, SignedSpec, write_plain
from hil.capabilities import BenchError, Console, Timebase
from hil.dlms.client import DlmsClient
from hil.dlms.pdus import CosemMember
from hil.drivers.console_answers import one
from hil.wire_log import WireLog
from protocols.documents.envelope import read_envelope
from protocols.documents.issuers import ISSUERS_TYPE
from protocols.documents.orders import read_order
from protocols.errors import DocumentError
from protocols.instants import SECOND_MS, UtcMs
from protocols.limits import STATEMENT_UEUR_MAX
from protocols.reasons import OrderVerdict, Refusal

_GATEWAY: Final = logical_name("0-0:19.40.0")
_ENTER: Final = CosemMember(115, _GATEWAY, 1)
_TOKEN: Final = CosemMember(115, _GATEWAY, 2)
_DESCRIPTION: Final = CosemMember(115, _GATEWAY, 4)
# Kind, object, verdict, reason: where the verdict stands.
_VERDICT: Final = 2


class DlmsOrders:
    """`Orders`. What the meter answers to each document is in its log."""

    def __init__(self, client: DlmsClient, console: Console, timebase: Timebase, seed: int) -> None:
        self.log = WireLog("orders")
        self._client = client
        self._console = console
        self._timebase = timebase
        now_ms = timebase.now_ms()
        self._begun_s = now_ms // SECOND_MS
        self._keyring = Keyring(seed, now_ms)
        self._desk: Desk | None = None
        self._epoch = 0
        # The cuts that stand, each with the name that the meter knows.
        self._cuts: dict[str, str] = {}
        self._number = 0

    def bring(self, do: SignedSpec) -> None:
        """As `Orders`. Raises BenchError for what takes a word of the meter that does not come this way."""
        now_ms = self._timebase.now_ms()
        desk = self._opened_desk()
        try:
            match do:
                case CutCalendarSpec():
                    self._bring_calendar(desk, do, now_ms)
                case TopUpSpec():
                    self._bring_payment(desk, do, now_ms)
                case IssuersSpec() | RebaseSpec():
                    raise BenchError(f"orders: a document by DLMS expected; found: {type(do).__name__}")
                case ProgrammedCutSpec():
                    # What was cancelled once is never a cut again: each plan has a name of its own.
                    self._number += 1
                    self._cuts[do.id] = f"{do.id}-{self._begun_s}-{self._number}"
                    self._enter_plain(desk, replace(do, id=self._cuts[do.id]), now_ms)
                case CancelCutSpec():
                    self._enter_plain(desk, CancelCutSpec(self._cuts.pop(do.id, do.id)), now_ms)
                case HoldSpec() | LiftHoldSpec() | ShortenHoldSpec():
                    self._enter_plain(desk, replace(do, id=f"{do.id}-{self._begun_s}"), now_ms)
                case _:
                    self._enter_plain(desk, do, now_ms)
        except DocumentError as error:
            raise BenchError(f"orders: a document expected; {error}") from None

    def withdraw(self) -> None:
        """As `Orders`."""
        now_ms = self._timebase.now_ms()
        desk = self._opened_desk()
        for do in (*desk.lifting(), *(CancelCutSpec(each) for each in self._cuts.values())):
            self._enter_plain(desk, do, now_ms)
        self._cuts.clear()

    def look(self) -> str:
        """Whether the gateway answers; it changes nothing. Raises BenchError."""
        with self._client.associated():
            self._client.read(_TOKEN)
        return "a token gateway answers"

    def _opened_desk(self) -> Desk:
        if self._desk is None:
            meter = one(self._console.ask("identity"), "meter")
            self._desk = Desk(self._keyring, meter, self._begun_s)
        return self._desk

    def _enter_plain(self, desk: Desk, do: PlainSpec, now_ms: UtcMs) -> None:
        self._enter(write_plain(desk, do, now_ms, debt_share_percent=0, dispute_nonce=""))

    def _bring_calendar(self, desk: Desk, do: CutCalendarSpec, now_ms: UtcMs) -> None:
        """A calendar and the lease of it, which names what the meter has accepted."""
        calendar, envelope = desk.write_calendar(do, now_ms)
        self._enter(envelope)
        lease = desk.write_lease(calendar, do.names, now_ms)
        if isinstance(lease, Refusal):
            raise BenchError(f"orders: a lease that names all that protects expected; found: {lease}")
        self._enter(lease)

    def _bring_payment(self, desk: Desk, do: TopUpSpec, now_ms: UtcMs) -> None:
        """A payment, in an epoch of this run: what earlier ones have paid is not known here."""
        if not self._epoch:
            self._epoch = self._begun_s
            self._enter(desk.write_issuers(IssuersSpec(self._epoch, STATEMENT_UEUR_MAX, 2)))
            desk.begin_epoch(self._epoch, 0, now_ms)
        self._enter(desk.write_payment(do, now_ms))

    def _enter(self, envelope: bytes) -> None:
        """Through the gateway; the desk hears of what was accepted, as of a receipt."""
        with self._client.associated():
            self._client.act(_ENTER, octets(envelope))
            found = self._client.read(_DESCRIPTION)
        told = [each.octets.decode("ascii", "backslashreplace") for each in found.items]
        document = read_envelope(envelope)
        is_order = document.payload_type != ISSUERS_TYPE
        order = read_order(document.payload) if is_order else None
        self.log.sent(f"{order.kind} {order.object} {order.rev}\n".encode() if order else b"issuers\n")
        self.log.received(f"{' '.join(told)}\n".encode())
        if len(told) <= _VERDICT:
            raise BenchError(f"orders: the gateway's word of a document expected; found: {told}")
        if order is not None and told[_VERDICT] == OrderVerdict.ACCEPTED:
            self._opened_desk().receive_receipt(order.id)
