"""Signed documents: checking them with and without the cache of checks, and admitting orders at a meter."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Final

from benchmarks.figures import Figure, Progress, alternate, figure_of, ratios
from benchmarks.households import FLEET, START_MS, commission, keyring, lives
from emulator.firmware.events import Document
from emulator.firmware.ticks import Tick
from protocols.documents.bodies import HoldBody, ReleaseBody
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import ORDER_TYPE
from protocols.documents.roles import open_signed
from protocols.instants import DAY_MS, HOUR_MS
from protocols.link.messages import Receipt, is_authentic, read_report, write_report
from protocols.reasons import Did, OrderVerdict

_KEY: Final = b"k" * 32
# A meter keeps 64 objects, and holds two from its commissioning.
_HOLDS_AT_ONCE: Final = 60
_revs = count(1)


@dataclass(frozen=True, slots=True)
class Size:
    """The sizes of a run: the full one, and a tiny one for the tests."""

    documents: int = 300
    repetitions: int = 7


def measure_signatures(size: Size, progress: Progress) -> list[Figure]:
    """Measure opening envelopes with one signature against the root, and checking reports under a MAC."""
    root = keyring().root
    known = _holds(size.documents)
    reports = [_report(number) for number in range(size.documents)]

    def open_new() -> Callable[[], object]:
        sealed = _holds(size.documents)
        return lambda: [open_signed(data, root, ORDER_TYPE) for data in sealed]

    def open_again() -> Callable[[], object]:
        for data in known:
            open_signed(data, root, ORDER_TYPE)
        return lambda: [open_signed(data, root, ORDER_TYPE) for data in known]

    def check_macs() -> Callable[[], object]:
        return lambda: [_is_authentic(data) for data in reports]

    variants = {"first": open_new, "again": open_again, "mac": check_macs}
    taken = alternate(variants, size.repetitions, progress)
    per_second = {name: [size.documents / s for s in values] for name, values in taken.items()}
    return [
        figure_of("envelopes opened, signature checked", per_second["first"], "1/s", note="Ed25519"),
        figure_of("envelopes opened, signature remembered", per_second["again"], "1/s"),
        figure_of("what remembering saves", ratios(taken["first"], taken["again"]), "×"),
        figure_of("reports read, MAC checked", per_second["mac"], "1/s", note="HMAC-SHA-256"),
    ]


def measure_intake(size: Size, progress: Progress) -> list[Figure]:
    """Measure admitting orders, from bytes to a new image: many orders at one meter, one order at many."""
    orders = min(size.documents, _HOLDS_AT_ONCE)
    release = keyring().seal_order(FLEET.order(Kind.RELEASE, "release/fleet", ReleaseBody(72)), 1)
    households = lives(size.documents, 0)

    def by_one() -> Callable[[], object]:
        meter, holds = commission(households[0]), _holds(orders)
        return lambda: [meter.handle(Document(data), Tick(HOUR_MS)) for data in holds]

    def by_many() -> Callable[[], object]:
        meters = [commission(life) for life in households]
        return lambda: [meter.handle(Document(release), Tick(HOUR_MS)) for meter in meters]

    taken = alternate({"one": by_one, "many": by_many}, size.repetitions, progress)
    return [
        figure_of(
            "orders taken in, each a new one",
            [orders / s for s in taken["one"]],
            "1/s",
            note=f"{orders} holds into one meter",
        ),
        figure_of(
            "orders taken in, one for a fleet",
            [len(households) / s for s in taken["many"]],
            "1/s",
            note=f"a release into {len(households)} meters",
        ),
    ]


def _holds(number: int) -> list[bytes]:
    """New holds that no meter has seen: their revisions count all holds that were made before."""
    return [
        keyring().seal_order(
            FLEET.order(Kind.HOLD, f"hold/h{place}", HoldBody(START_MS, START_MS + DAY_MS), rev=next(_revs)),
            1,
        )
        for place in range(number)
    ]


def _report(number: int) -> bytes:
    receipt = Receipt(
        meter="m00001",
        order="hold-summer-1",
        kind="hold",
        object="hold/summer",
        rev=1,
        verdict=OrderVerdict.ACCEPTED,
        reason=Did.STORED,
        number=number,
    )
    return write_report(receipt, _KEY)


def _is_authentic(data: bytes) -> bool:
    _, body, mac = read_report(data)
    return is_authentic(body, mac, _KEY)
