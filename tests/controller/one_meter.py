"""One real meter and the orders that the controller has approved for it, of which some do not arrive."""

from hypothesis import strategies as st

from controller.exchange.syncing import Answer, answer
from controller.orders.life import ActiveOrder, DeliveryState
from controller.orders.superseding import replaces
from emulator.firmware.guarded.told import holds_of
from protocols.cutting import planning
from protocols.documents import drafting
from protocols.documents.bodies import HoldBody
from protocols.documents.drafting import Sheet
from protocols.documents.kind_rule import Kind
from protocols.documents.merging import NOTHING, in_force
from protocols.documents.orders import Order, Scope, body_of, digest_of
from protocols.instants import DAY_MS, HOUR_MS
from protocols.reasons import FlagName
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, Workbench

M1 = Scope(meters=("m1",))
SPAN_MS = (MONDAY_MS + DAY_MS, MONDAY_MS + 30 * DAY_MS)
VERBS = (
    "declare",
    "extend",
    "shorten",
    "lift",
    "flag",
    "clear",
    "release",
    "pay",
    "cut",
    "cancel",
    "calendar",
    "tariff",
)
# A verb, and whether its order reaches the meter at once.
STORIES = st.lists(st.tuples(st.sampled_from(VERBS), st.booleans()), max_size=24)


class MeterAndOrders:
    """A real meter, and the orders that are active for it, each with the state of its delivery."""

    def __init__(self) -> None:
        self.bench = Workbench()
        self.active: dict[str, ActiveOrder] = {}
        self.revs: dict[str, int] = {}
        self.number = self.total_ueur = 0

    def sheet(self, kind: Kind, name: str, rev: int | None = None) -> Sheet:
        self.number += 1
        key = drafting.object_of(kind, name)
        self.revs[key] = self.revs.get(key, 0) + 1 if rev is None else rev
        return Sheet(id=f"o{self.number}", rev=self.revs[key], now_ms=self.bench.now_ms, basis="test")

    def draft(self, verb: str) -> Order:
        now_ms = self.bench.now_ms
        match verb:
            case "declare":
                return drafting.declare_moratorium(
                    self.sheet(Kind.HOLD, "h"), "h", now_ms, now_ms + DAY_MS, M1
                )
            case "extend":
                until_ms = now_ms + (self.number + 2) * DAY_MS
                return drafting.declare_moratorium(self.sheet(Kind.HOLD, "h"), "h", now_ms, until_ms, M1)
            case "shorten":
                sheet = self.sheet(Kind.SHORTEN_HOLD, "h")
                return drafting.shorten_moratorium(sheet, "h", now_ms, now_ms + HOUR_MS, M1)
            case "lift":
                return drafting.lift_moratorium(self.sheet(Kind.LIFT_HOLD, "h"), "h", M1)
            case "flag":
                return drafting.set_flag(self.sheet(Kind.SET_FLAG, "medical"), "m1", FlagName.MEDICAL)
            case "clear":
                return drafting.clear_flag(self.sheet(Kind.CLEAR_FLAG, "medical"), "m1", FlagName.MEDICAL)
            case "release":
                return drafting.release(self.sheet(Kind.RELEASE, "all"), "all", 72, M1)
            case "pay":
                self.total_ueur += 1_000_000
                sheet = self.sheet(Kind.PAYMENT, "controller")
                return drafting.payment_statement(sheet, "m1", "controller", sheet.rev, self.total_ueur)
            case "cut":
                at_ms = MONDAY_MS + DAY_MS + 10 * HOUR_MS
                return planning.plan_cut(
                    self.sheet(Kind.CUT_ORDER, "c"), "c", ("m1",), (at_ms, at_ms + HOUR_MS)
                )
            case "cancel":
                return drafting.cancel_cut(self.sheet(Kind.CANCEL_CUT, "c"), "c", ("m1",))
            case "calendar":
                sheet = self.sheet(Kind.CUT_CALENDAR, "season")
                rule = drafting.CalendarRule("mon-thu 09:00-12:00", "Europe/Brussels", "BE")
                return planning.plan_calendar(sheet, "season", rule, SPAN_MS, M1)
            case _:
                return drafting.tariff(self.sheet(Kind.TARIFF, "base"), "base", 300_000, self.number, M1)

    def decide(self, verb: str, *, arrives: bool) -> None:
        """Approve an order: it becomes active, and supersedes what it replaces."""
        order = self.draft(verb)
        self.active = {name: each for name, each in self.active.items() if not replaces(order, each.order)}
        self.active[order.id] = ActiveOrder(order, DeliveryState.SENT)
        if arrives:
            self.deliver(order)

    def deliver(self, order: Order) -> None:
        judged = self.bench.send(order)
        state = DeliveryState.STORED if judged.verdict == "accepted" else DeliveryState.REFUSED
        self.active[order.id] = ActiveOrder(order, state)

    def lacks(self) -> list[str]:
        """The active orders that the meter's memory lacks, whatever the meter says of itself."""
        memory = self.bench.meter.memory
        lacking: list[str] = []
        for order in (each.order for each in self.active.values()):
            held = memory.protections.get(order.object, NOTHING)
            has = True
            match order.kind:
                case Kind.HOLD:
                    body, force = body_of(order, HoldBody), in_force(held)
                    covered = force is not None and force[0] <= body.from_ms and body.until_ms <= force[1]
                    has = covered or order.rev <= held.floor_rev
                case Kind.SET_FLAG:
                    has = in_force(held) is not None or order.rev <= held.floor_rev
                case Kind.RELEASE:
                    has = memory.release_ends_at > 0
                case Kind.PAYMENT:
                    has = memory.totals.credited_ueur == self.total_ueur
                case Kind.CANCEL_CUT:
                    has = "cut/c" in memory.tombstones and "cut/c" not in memory.cut_orders
                case Kind.CUT_CALENDAR:
                    has = memory.calendars[order.object].digest == digest_of(order)
                case _:
                    continue
            if not has:
                lacking.append(order.id)
        return lacking

    def sync(self) -> Answer:
        return answer(holds_of(self.bench.meter), list(self.active.values()), 1, self.bench.now_ms)
