"""The ledger of a year: the scenario's file read a second time, each span between edges priced at once.

The second meter prices a second at a time, which takes minutes for a year. Here only the edges count: what
happens, switches of registers, the moratorium's ends, and when the supply changed. The last is the
firmware's own word: whether it may change is what `compare` asks of the second meter. Days are counted here
with the zone's own library, and not by what compiled the orders.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from emulator.firmware.profile import Profile
from emulator.scenario.model import DebtSpec, DeferralSpec, TariffSpec
from protocols.documents.bodies import RegisterPrice, Switch
from protocols.limits import DEBT_UEUR_MAX
from protocols.reasons import PaymentMode, Supply
from protocols.units import QUANTA_PER_UEUR
from tests.emulator.second.second_purse import SecondPurse
from tests.emulator.second.year_of_money import DAY_FROM_H, DAY_UNTIL_H, ZONE

_DAY, _NIGHT = 1, 2
_QUANTA_PER_CENT = 10_000 * QUANTA_PER_UEUR
# Energy is counted in watt-milliseconds; a kWh has so many.
_PER_KWH = 3_600_000 * 1_000
# The period of a debt's cap, where a file names none: a week.
_PERIOD_DAYS = 7
SupplyChange = tuple[int, Supply]


@dataclass
class YearLedger:
    """What a year came to. `opened_on`: what the purse held (quanta) whenever the supply was cut."""

    purse: SecondPurse
    began_q: int
    paid_q: int = 0
    charged_mq: int = 0
    opened_on: list[tuple[int, PaymentMode]] = field(default_factory=list)

    def cents(self) -> dict[str, int]:
        """As an invoice has it: whole cents, each rounded down; energy in Wh."""
        purse = self.purse
        on_registers = {name: mq for name, (_, mq) in purse.on_registers.items()}
        told = {
            "began with": self.began_q,
            "paid": self.paid_q,
            **{f"charged on {name}": mq // 1_000 for name, mq in on_registers.items()},
            "charged before the first tariff": (self.charged_mq - sum(on_registers.values())) // 1_000,
            "brought of the debt": purse.recovered_mq // 1_000,
            "debt left": (purse.debt_set_mq - purse.recovered_mq) // 1_000,
            "refunded": purse.refunded_mq // 1_000,
            "left on the purse": purse.balance_mq // 1_000,
        }
        energy = {
            f"Wh on {name}": watt_ms * 1_000 // _PER_KWH for name, (watt_ms, _) in purse.on_registers.items()
        }
        return {name: quanta // _QUANTA_PER_CENT for name, quanta in told.items()} | energy

    @property
    def difference_mq(self) -> int:
        """What was there and what was paid, less what was charged, brought, paid back and is left: 0."""
        purse = self.purse
        went_mq = self.charged_mq + purse.recovered_mq + purse.refunded_mq + purse.balance_mq
        return (self.began_q + self.paid_q) * 1_000 - went_mq

    def deferred_cents(self, ueur_per_kwh: int) -> int:
        """What the moratorium has delivered, at a price: people price it, no meter does."""
        watt_ms = sum(
            sums[0] for name, sums in self.purse.on_registers.items() if name.startswith("deferred")
        )
        return watt_ms * ueur_per_kwh // (_PER_KWH * 10_000)


def ledger_of(text: str, profile: Profile, changes: Sequence[SupplyChange]) -> YearLedger:
    """Price the year of this file; `changes`: when the supply changed, and to what."""
    file = tomllib.loads(text)
    (meter,) = file["meters"]
    start_ms, end_ms = _ms(file["scenario"]["start"]), _ms(file["scenario"]["end"])
    began_q = _ueur(meter["balance_eur"]) * QUANTA_PER_UEUR
    purse = SecondPurse(profile, began_q, PaymentMode.PREPAID)
    year = YearLedger(purse, began_q)
    happens: dict[int, list[Mapping[str, Any]]] = {}
    for event in file["events"]:
        happens.setdefault(_ms(event["at"]), []).append(event)
    supplies = dict(changes)
    edges = {*happens, *supplies, *_edges(file["events"], start_ms, end_ms), end_ms}
    at_ms, load_w, supply = start_ms, int(meter["load_w"]), Supply.ON
    for edge_ms in sorted(edges):
        before_mq = purse.balance_mq
        purse.charge(load_w if supply is Supply.ON else 0, edge_ms - at_ms)
        year.charged_mq += before_mq - purse.balance_mq
        at_ms = edge_ms
        for event in happens.get(at_ms, ()):
            load_w = int(event.get("load_w", load_w))
            _carry_out(year, event, at_ms - start_ms)
        purse.look(at_ms)
        purse.look_at_modes(at_ms)
        if at_ms in supplies:
            supply = supplies[at_ms]
            if supply is Supply.OFF:
                year.opened_on.append((purse.balance_mq // 1_000, purse.mode))
    return year


def _edges(events: Sequence[Mapping[str, Any]], start_ms: int, end_ms: int) -> Iterator[int]:
    """Every instant at which a price may change by itself."""
    for event in events:
        for name in ("from", "until"):
            if event["do"] in {"deferral", "parameters"} and name in event:
                yield _ms(event[name])
    yield from (each.at_ms for each in _switches(start_ms, end_ms))


def _switches(start_ms: int, end_ms: int) -> list[Switch]:
    """The registers by the days of the zone: day on Mondays to Fridays in its hours, else night."""
    found = [Switch(start_ms, _NIGHT)]
    day = datetime.fromtimestamp(start_ms // 1_000, ZONE).replace(hour=0, minute=0, second=0)
    while day.timestamp() * 1_000 < end_ms:
        if day.weekday() < 5:
            for hour, register in ((DAY_FROM_H, _DAY), (DAY_UNTIL_H, _NIGHT)):
                found.append(Switch(int(day.replace(hour=hour).timestamp()) * 1_000, register))
        day = (day + timedelta(days=1)).replace(hour=0)
    return found


def _carry_out(year: YearLedger, event: Mapping[str, Any], tick: int) -> None:
    purse = year.purse
    match event["do"]:
        case "top_up":
            year.paid_q += _ueur(event["eur"]) * QUANTA_PER_UEUR
            purse.pay(_ueur(event["eur"]), tick)
        case "tariff":
            purse.tariff = _tariff(event)
        case "debt":
            purse.set_debt(_debt(event), tick)
        case "refund":
            purse.refund(_ueur(event["eur"]))
        case "deferral":
            span = DeferralSpec(event["id"], _ms(event["from"]), _ms(event["until"]))
            purse.deferrals[span.id] = span
        case "parameters":
            version = max(purse.modes) + 1
            purse.store_mode(version, _ms(event["from"]), PaymentMode(event["mode"]), None)
        case "set_load" | "cut_calendar":
            pass
        case other:
            raise AssertionError(other)


def _tariff(event: Mapping[str, Any]) -> TariffSpec:
    registers = tuple(
        RegisterPrice(each["obis"], _ueur(each["eur_per_kwh"]), _ueur(each["fixed_eur_per_day"]))
        for each in event["registers"]
    )
    from_ms, until_ms = _ms(event["at"]), _ms(event["until"])
    first = datetime.fromtimestamp(from_ms // 1_000, ZONE).replace(hour=0, minute=0, second=0)
    switches = tuple(_switches(int(first.timestamp()) * 1_000, until_ms))
    return TariffSpec(_ueur(event["eur_per_kwh"]), _ueur(event["fixed_eur_per_day"]), registers, switches)


def _debt(event: Mapping[str, Any]) -> DebtSpec:
    payment_cap, period_cap = (
        _ueur(event[name]) if name in event else DEBT_UEUR_MAX
        for name in ("payment_cap_eur", "period_cap_eur")
    )
    return DebtSpec(_ueur(event["eur"]), event["share_permille"], payment_cap, period_cap, _PERIOD_DAYS)


def _ms(at: datetime) -> int:
    return int(at.timestamp()) * 1_000


def _ueur(text: str) -> int:
    whole, _, cents = text.partition(".")
    return int(whole) * 1_000_000 + int(cents.ljust(6, "0") or 0)
