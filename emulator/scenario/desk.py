"""One meter's orders in a scenario: revisions, payments, and the protection in force.

The desk writes the orders that a scenario names, with the next revision of their object. It records what
the meter has acknowledged, because a lease names exactly that (design §4.2, §5).
"""

from collections.abc import Mapping

from emulator.scenario.keyring import Keyring
from emulator.scenario.model import (
    CutCalendarSpec,
    DebtSpec,
    DeferralSpec,
    FlagSpec,
    HoldSpec,
    IssuersSpec,
    LiftHoldSpec,
    ParametersSpec,
    ProgrammedCutSpec,
    RefundSpec,
    ReleaseSpec,
    ShortenHoldSpec,
    TariffSpec,
    TopUpSpec,
)
from protocols.documents.bodies import (
    Body,
    CancelCutBody,
    CutCalendarBody,
    CutOrderBody,
    DebtBody,
    DeferralBody,
    EmergencyCreditBody,
    FlagBody,
    HoldBody,
    HoldFloorBody,
    LeaseBody,
    LiftBody,
    Named,
    ParametersBody,
    PaymentBody,
    RebaseBody,
    RefundBody,
    ReleaseBody,
    TariffBody,
)
from protocols.documents.issuers import Issuer, Issuers
from protocols.documents.kind_rule import Kind, Role
from protocols.documents.kinds import KINDS
from protocols.documents.merging import NOTHING, Protection, in_force, named_in_lease
from protocols.documents.orders import Order, Scope, digest_of, make_body
from protocols.documents.room import join_in_table
from protocols.instants import DAY_MS, HOUR_MS, SECOND_MS
from protocols.limits import INSTANT_MS_MAX, INSTANT_MS_MIN
from protocols.reasons import FlagName, Refusal

CALENDAR = "calendar/season"
LEASE = "lease/meter"
TARIFF = "tariff/meter"
DEBT = "debt/meter"
REFUND = "refund/meter"
PARAMETERS = "parameters/meter"
ISSUER = "controller"
_HOLD = "hold/"
_FLAG = "flag/"

# A harmful order must be valid at every instant of the meter's interval, which may begin before true time.
_BACKDATED_MS = DAY_MS
# How long an order is valid (design §5): long for protection, weeks for harm.
_LIFE_MS = {Role.PROTECT: 366 * DAY_MS, Role.HARM: 28 * DAY_MS}
_SIGNATURES = {Role.PROTECT: 1, Role.HARM: 2, Role.LEASE: 1}


class Desk:
    """Writes the orders for one meter, and records which of them it has accepted."""

    __slots__ = (
        "_begun",
        "_epoch",
        "_issuers_version",
        "_keyring",
        "_meter",
        "_number",
        "_paid_ueur",
        "_payments",
        "_pending",
        "_protections",
        "_revs",
        "_stated",
        "_total_ueur",
    )

    def __init__(self, keyring: Keyring, meter: str, begun: int = 0) -> None:
        """`begun`: where revisions and numbers begin, for a meter that has heard of another desk before."""
        self._keyring = keyring
        self._meter = meter
        self._begun = self._number = begun
        self._revs: dict[str, int] = {}
        self._protections: Mapping[str, Protection] = {}
        self._pending: dict[str, tuple[Order, str]] = {}
        # In which epoch a payment was stated, and its statement.
        self._payments: dict[str, tuple[int, bytes]] = {}
        self._issuers_version = begun
        self._epoch = self._stated = 0
        self._paid_ueur = self._total_ueur = 0

    def receive_receipt(self, order: str) -> None:
        """Record that the meter has accepted an order: from now on leases name it."""
        if order in self._pending:
            joined = join_in_table(self._protections, *self._pending.pop(order))
            self._protections = self._protections if isinstance(joined, Refusal) else joined

    def lifting(self) -> tuple[LiftHoldSpec | FlagSpec, ...]:
        """What takes back the holds and flags that the meter has accepted and that still protect."""
        standing = [name for name, each in self._protections.items() if in_force(each) is not None]
        holds = [name.removeprefix(_HOLD) for name in standing if name.startswith(_HOLD)]
        flags = [name.removeprefix(_FLAG) for name in standing if name.startswith(_FLAG)]
        return (
            *(LiftHoldSpec(name, _SIGNATURES[Role.HARM]) for name in holds),
            *(FlagSpec(FlagName(name), value=False) for name in flags),
        )

    def write_hold(self, do: HoldSpec, at_ms: int) -> bytes:
        body = HoldBody(do.from_ms, do.until_ms)
        order = self._order(Kind.HOLD, f"{_HOLD}{do.id}", body, at_ms)
        self._expect(order)
        return self._keyring.seal_order(order, do.signatures)

    def write_lift(self, hold: str, signatures: int, at_ms: int) -> bytes:
        order = self._order(Kind.LIFT_HOLD, f"{_HOLD}{hold}", LiftBody(), at_ms)
        self._expect(order)
        return self._keyring.seal_order(order, signatures)

    def write_shortening(self, do: ShortenHoldSpec, at_ms: int) -> bytes:
        """The new interval begins where the hold began, as far as the desk knows; it is never empty."""
        object_name = f"{_HOLD}{do.id}"
        held_ms = in_force(self._held(object_name))
        from_ms = at_ms if held_ms is None else held_ms[0]
        if from_ms >= do.until_ms:
            from_ms = do.until_ms - SECOND_MS
        body = HoldFloorBody(from_ms, do.until_ms)
        order = self._order(Kind.SHORTEN_HOLD, object_name, body, at_ms)
        self._expect(order)
        return self._keyring.seal_order(order, do.signatures)

    def write_flag(self, do: FlagSpec, at_ms: int) -> bytes:
        kind = Kind.SET_FLAG if do.value else Kind.CLEAR_FLAG
        # A flag protects from its own `not_before` on: a cut before that stays right.
        order = self._order(kind, f"{_FLAG}{do.name}", FlagBody(do.name), at_ms, at_ms if do.value else None)
        self._expect(order)
        return self._seal(order)

    def write_release(self, do: ReleaseSpec, at_ms: int) -> bytes:
        name, body = f"release/{self._keyring.releasing_key}", ReleaseBody(do.hours)
        if do.until_ms is None:
            order = self._order(Kind.RELEASE, name, body, at_ms)
        else:
            # One that comes after its end was issued before it.
            issued_ms = _within(min(at_ms, do.until_ms - HOUR_MS))
            order = self._order(Kind.RELEASE, name, body, issued_ms, issued_ms, do.until_ms)
        self._expect(order)
        return self._seal(order)

    def write_calendar(self, do: CutCalendarSpec, at_ms: int) -> tuple[Order, bytes]:
        """The calendar alone; it permits no cut without its lease."""
        body = CutCalendarBody(do.windows, do.rule, do.zone, do.holidays)
        order = self._order(Kind.CUT_CALENDAR, CALENDAR, body, at_ms, not_after_ms=do.until_ms)
        return order, self._seal(order)

    def write_lease(self, calendar: Order, missing: tuple[str, ...], at_ms: int) -> bytes | Refusal:
        """A lease of the calendar until its end, which names all that the meter has acknowledged.

        `missing` are holds that never arrived: the lease names a revision of them that the meter does not
        have. TOO_MANY if no lease can name the protections (`named_in_lease`).
        """
        names: dict[str, Named] = {}
        for object_name, protection in sorted(self._protections.items()):
            named = named_in_lease(object_name, protection)
            if isinstance(named, Refusal):
                return named
            names[object_name] = named
        for hold in missing:
            name = f"{_HOLD}{hold}"
            known = names.get(name, Named(name))
            names[name] = Named(name, known.floor, (*known.revs, self._revs.get(name, self._begun) + 1))
        body = LeaseBody(calendar.object, calendar.rev, digest_of(calendar), tuple(names.values()))
        return self._seal(self._order(Kind.LEASE, LEASE, body, at_ms, not_after_ms=calendar.not_after_ms))

    def write_cut(self, do: ProgrammedCutSpec, at_ms: int) -> bytes:
        assert do.not_before_ms is not None, do
        order = self._order(
            Kind.CUT_ORDER, f"cut/{do.id}", CutOrderBody(), at_ms, do.not_before_ms, do.not_after_ms
        )
        return self._seal(order)

    def write_cancel(self, cut: str, at_ms: int) -> bytes:
        name = f"cut/{cut}"
        return self._seal(self._order(Kind.CANCEL_CUT, name, CancelCutBody(name), at_ms))

    def write_payment(self, do: TopUpSpec, at_ms: int) -> bytes:
        """The statement of a payment. The same id is the same payment and gives the same bytes again.

        One that an earlier epoch stated gives the total of the present one.
        """
        if do.id not in self._payments:
            self._paid_ueur += do.amount_ueur
            self._total_ueur += do.amount_ueur
        epoch, envelope = self._payments.get(do.id, (None, b""))
        if epoch != self._epoch:
            envelope = self._write_statement(at_ms)
            self._payments[do.id] = self._epoch, envelope
        return self._keyring.countersign(envelope) if do.countersigned else envelope

    def write_issuers(self, do: IssuersSpec) -> bytes:
        """The next issuers document, which names the one issuer of a scenario."""
        self._issuers_version += 1
        issuer = Issuer(
            name=ISSUER,
            epoch=do.epoch,
            public=self._keyring.issuer(do.epoch).public.hex(),
            allowance_ueur_per_day=do.allowance_ueur_per_day,
        )
        return self._keyring.seal_issuers(
            Issuers(version=self._issuers_version, issuers=(issuer,)), do.signatures
        )

    def begin_epoch(self, epoch: int, credited_ueur: int, at_ms: int) -> bytes | None:
        """The meter has taken a document: state in a new epoch what the meter never credited.

        `credited_ueur` by the meter's own word. None where the epoch is no new one, or nothing is missing.
        """
        if epoch == self._epoch:
            return None
        self._epoch, self._stated = epoch, 0
        self._total_ueur = self._paid_ueur - credited_ueur
        return self._write_statement(at_ms) if self._total_ueur else None

    def _write_statement(self, at_ms: int) -> bytes:
        self._stated += 1
        body = PaymentBody(ISSUER, self._stated, self._total_ueur, self._epoch)
        order = self._order(Kind.PAYMENT, f"payment/{ISSUER}", body, at_ms)
        return self._keyring.seal_statement(order, self._epoch) if self._epoch else self._seal(order)

    def write_tariff(self, do: TariffSpec, at_ms: int) -> bytes:
        body = TariffBody(do.price_ueur_per_kwh, do.fixed_ueur_per_day, do.registers, do.switches)
        return self._seal(self._order(Kind.TARIFF, TARIFF, body, at_ms))

    def write_deferral(self, do: DeferralSpec, at_ms: int) -> bytes:
        body = DeferralBody(do.from_ms, do.until_ms)
        return self._seal(self._order(Kind.DEFERRAL, f"deferral/{do.id}", body, at_ms))

    def write_debt(self, do: DebtSpec, share_permille: int, at_ms: int) -> bytes:
        body = DebtBody(
            do.total_ueur, share_permille, do.payment_cap_ueur, do.period_cap_ueur, do.period_days
        )
        return self._seal(self._order(Kind.DEBT, DEBT, body, at_ms))

    def write_refund(self, do: RefundSpec, at_ms: int) -> bytes:
        return self._seal(self._order(Kind.REFUND, REFUND, RefundBody(do.total_ueur), at_ms))

    def write_parameters(self, do: ParametersSpec, at_ms: int) -> bytes:
        body = ParametersBody(do.from_ms, do.mode, back_to=do.back_to)
        return self._seal(self._order(Kind.PARAMETERS, PARAMETERS, body, at_ms))

    def write_emergency_credit(self, at_ms: int) -> bytes:
        return self._seal(self._order(Kind.EMERGENCY_CREDIT, "emergency/meter", EmergencyCreditBody(), at_ms))

    def write_rebase(self, nonce: str, at_ms: int) -> bytes:
        """A rebase for the dispute of this nonce; without a dispute it names a nonce that no meter knows."""
        body = RebaseBody(nonce or "no-dispute")
        return self._seal(self._order(Kind.REBASE, "clock/meter", body, at_ms))

    def _order(
        self,
        kind: Kind,
        object_name: str,
        body: Body,
        at_ms: int,
        not_before_ms: int | None = None,
        not_after_ms: int | None = None,
    ) -> Order:
        """The next revision of its object, issued at a true instant."""
        self._number += 1
        rev = self._revs[object_name] = self._revs.get(object_name, self._begun) + 1
        life_ms = _LIFE_MS.get(KINDS[kind].role, DAY_MS)
        return Order(
            id=f"{kind}-{self._number}",
            kind=kind,
            object=object_name,
            scope=Scope(meters=(self._meter,)),
            rev=rev,
            issued_at_ms=at_ms,
            not_before_ms=_within(at_ms - _BACKDATED_MS if not_before_ms is None else not_before_ms),
            not_after_ms=_within(at_ms + life_ms if not_after_ms is None else not_after_ms),
            basis="scenario",
            body=make_body(body),
        )

    def _seal(self, order: Order) -> bytes:
        return self._keyring.seal_order(order, _SIGNATURES[KINDS[order.kind].role])

    def _held(self, object_name: str) -> Protection:
        return self._protections.get(object_name, NOTHING)

    def _expect(self, order: Order) -> None:
        """Prepare the protection that will be in force if the meter accepts this order."""
        by_one = KINDS[order.kind].role is Role.PROTECT
        self._pending[order.id] = (order, self._keyring.protecting_holder if by_one else "")


def _within(instant_ms: int) -> int:
    return min(max(instant_ms, INSTANT_MS_MIN), INSTANT_MS_MAX)
