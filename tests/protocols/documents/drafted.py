"""One order of each kind that a verb drafts, for tests of what becomes of them."""

from collections.abc import Callable

from protocols.documents import drafting
from protocols.documents.bodies import Kept
from protocols.documents.drafting import Sheet
from protocols.documents.orders import Order
from protocols.instants import DAY_MS
from protocols.reasons import FlagName
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, SIGNERS

NOW_MS = MONDAY_MS


def sheet(rev: int = 1) -> Sheet:
    return Sheet(id=f"o{rev}", rev=rev, now_ms=NOW_MS, basis="test")


KEEPS = (Kept("hold/h", 1, NOW_MS, NOW_MS + DAY_MS),)
DRAFTS: dict[str, Callable[[], Order]] = {
    "declare": lambda: drafting.declare_moratorium(sheet(), "h", NOW_MS, NOW_MS + DAY_MS),
    "extend": lambda: drafting.extend_moratorium(sheet(), "h", (NOW_MS, NOW_MS + 1), NOW_MS + DAY_MS),
    "shorten": lambda: drafting.shorten_moratorium(sheet(), "h", NOW_MS, NOW_MS + DAY_MS),
    "lift": lambda: drafting.lift_moratorium(sheet(), "h"),
    "release": lambda: drafting.release(sheet(), "all", 24),
    "payment": lambda: drafting.payment_statement(sheet(), "m1", "controller", 1, 5_000_000),
    "emergency": lambda: drafting.emergency_credit(sheet(), "m1"),
    "set_flag": lambda: drafting.set_flag(sheet(), "m1", FlagName.MEDICAL),
    "clear_flag": lambda: drafting.clear_flag(sheet(), "m1", FlagName.MEDICAL),
    "cancel": lambda: drafting.cancel_cut(sheet(), "c", ("m1",)),
    "void": lambda: drafting.void(sheet(), "0" * 64, "carl", KEEPS, SIGNERS["dora"].keyid),
    "limiter": lambda: drafting.limiter(sheet(), "m1", engaged=True),
    "tariff": lambda: drafting.tariff(sheet(), "base", 300_000, 100),
}
