"""Households of the night with a guarded meter whose only network is a chip card, and a kiosk that serves it.

They are households that their card meter of 2020 has cut that night, and that came back by card: the same
purse, crystal, office and queue. Each has a third meter, guarded and without a link. What the operators had
signed before is in it: the moratorium, a calendar, the cut that was planned. All that happens from Friday on
comes by card, through the whole dialogue of card, kiosk and meter, in a scenario as anybody may write it
(design §9). Every third household pulls its card out too early, and puts it in again.

It is played by itself, on the instants of the replay, so the decisions of the two fleets do not know of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from controller.demo import night
from controller.demo.card_fleet import WayBack
from controller.demo.population import TwinHousehold
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.firmware.meter import Meter
from emulator.population.shipped import shipped_profiles
from emulator.scenario.commissioning import commission
from emulator.scenario.form import read_scenario
from emulator.scenario.model import MeterSpec
from emulator.scenario.player import Played, play
from emulator.scenario.trace import Item
from protocols.instants import DAY_MS, MINUTE_MS, SECOND_MS, iso_from_ms, ms_from_iso
from protocols.reasons import Energy, Supply, SupplyReason
from protocols.units import UEUR_PER_EUR, eur_from_quanta

HOUSEHOLDS_MAX: Final = 12
_PAID_EUR: Final = 20
_PULLED_MS: Final = 2 * SECOND_MS
# On Monday those who were cut stand at the kiosk from then on.
_MONDAY_KIOSK_MS: Final = ms_from_iso("2020-07-06T10:00+02:00")
_ACCEPTED: Final = "9"
# What is signed begins when the offices open; a lease lives for 31 days at most.
_FROM_MS: Final = night.EXTENSION_FROM_MS
_CALENDAR_MS: Final = 20 * DAY_MS


@dataclass(frozen=True, slots=True)
class ByCard:
    """What became of them.

    `cancelled`: whose planned cut a card has cancelled; `cuts`: who was cut on Monday, and `minutes` until a
    card had brought the supply back; `passes` of a card in a meter, of which some were `pulled` out.
    """

    households: int
    heard_wrong_date: int
    early_cuts: int
    cancelled: int
    cuts: int
    minutes: tuple[float, ...]
    passes: int
    pulled: int
    accepted: int
    paid_ueur: int
    credited_ueur: int


@dataclass(frozen=True, slots=True)
class _Served:
    """A household at its office on Friday. `waits`: it leaves its guarded meter as it is until Monday."""

    home: TwinHousehold
    friday_ms: int
    monday_ms: int
    waits: bool
    pulls: bool

    @property
    def meter(self) -> str:
        return f"k{self.home.number:05d}"


def play_by_card(ways_back: Sequence[WayBack], homes: Sequence[TwinHousehold], seed: int) -> ByCard | None:
    """Plays the days of these households; None where nobody has come back by card. Pure."""
    served = _chosen(ways_back, homes)
    if not served:
        return None
    lines = [*_before(seed), *(line for each in served for line in _life(each))]
    scenario = read_scenario("\n".join(lines), "card households", shipped_profiles(), ())
    credited = list[int]()

    def count(_spec: MeterSpec, meter: Meter) -> None:
        assert isinstance(meter, GuardedMeter)
        credited.append(meter.holdings().totals.credited_ueur)

    played = play(scenario, commission, on_meter_played=count)
    return _told(played, served, sum(credited))


def _chosen(ways_back: Sequence[WayBack], homes: Sequence[TwinHousehold]) -> list[_Served]:
    """The first that were served, with electricity and without debt: nothing else cuts them."""
    of_card = {home.card: home for home in homes}
    found = [
        (of_card[way.meter], way.served_ms)
        for way in sorted(ways_back, key=lambda way: (way.served_ms, way.meter))
        if way.cut_ms < night.NIGHT_ENDS_MS
        and of_card[way.meter].energy is Energy.ELECTRICITY
        and of_card[way.meter].balance_q >= 0
    ][:HOUSEHOLDS_MAX]
    return [
        _Served(
            home,
            served_ms // SECOND_MS * SECOND_MS,
            _MONDAY_KIOSK_MS + place // 2 * night.CARD_MS,
            waits=place % 2 == 1,
            pulls=place % 3 == 0,
        )
        for place, (home, served_ms) in enumerate(found)
    ]


# -- the scenario -----------------------------------------------------------------------------------


def _before(seed: int) -> Iterator[str]:
    """The span, what was signed before, and the wrong date, which reaches them all."""
    yield from _table(
        "[scenario]", name='"The card households"', start=_at(_FROM_MS), end=_at(night.END_MS), seed=str(seed)
    )
    yield from _event(
        _FROM_MS,
        "hold",
        id=f'"{night.MORATORIUM}"',
        **{"from": _at(night.SUSPENDED_FROM_MS), "until": _at(night.MORATORIUM_ENDS_MS)},
    )
    yield from _event(
        _FROM_MS + MINUTE_MS,
        "cut_calendar",
        rule=f'"{night.CALENDAR_RULE}"',
        zone=f'"{night.ZONE}"',
        holidays='"BE"',
        until=_at(_FROM_MS + _CALENDAR_MS),
    )
    yield from _event(
        _FROM_MS + 2 * MINUTE_MS,
        "programmed_cut",
        id=f'"{night.PLANNED_CUT}"',
        not_before=_at(night.PLANNED_CUT_MS),
        not_after=_at(night.PLANNED_UNTIL_MS),
    )
    yield from _event(night.LIE_MS, "set_clock", offset_s=str(night.LIE_OFFSET_MS // SECOND_MS))


def _life(each: _Served) -> Iterator[str]:
    """One household: its meter, and its ways to the kiosk and home."""
    home = each.home
    eur = eur_from_quanta(home.balance_q)
    yield from _table(
        "[[meters]]",
        id=f'"{each.meter}"',
        firmware='"guarded"',
        balance_eur=f'"{eur}"',
        drift_ppm=str(home.drift_ppm),
    )
    pay = {"act": '"topup"', "id": f'"friday-{home.number}"', "eur": f'"{_PAID_EUR}"'}
    yield from _event(each.friday_ms, "kiosk", each.meter, **pay)
    if each.waits:
        yield from _event(each.monday_ms, "kiosk", each.meter, act='"recover"')
        yield from _pass(each, each.monday_ms + night.WAY_HOME_MS)
    else:
        cancel = {"act": '"reactivate"', "id": f'"{night.PLANNED_CUT}"'}
        yield from _event(each.friday_ms + SECOND_MS, "kiosk", each.meter, **cancel)
        yield from _pass(each, each.friday_ms + night.WAY_HOME_MS)


def _pass(each: _Served, at_ms: int) -> Iterator[str]:
    """The card in the meter, until it shows 9; who pulls it out too early puts it in again."""
    if each.pulls:
        yield from _event(at_ms, "card_in", each.meter, pull_after_ms=str(_PULLED_MS))
        at_ms += MINUTE_MS
    yield from _event(at_ms, "card_in", each.meter)
    yield from _event(at_ms + MINUTE_MS, "card_out", each.meter)


def _event(at_ms: int, do: str, meter: str | None = None, **more: str) -> Iterator[str]:
    whose = {} if meter is None else {"meters": f'["{meter}"]'}
    yield from _table("[[events]]", at=_at(at_ms), do=f'"{do}"', **whose, **more)


def _table(head: str, **values: str) -> Iterator[str]:
    yield head
    yield from (f"{key} = {value}" for key, value in values.items())


def _at(instant_ms: int) -> str:
    return iso_from_ms(instant_ms)


# -- what became of them ----------------------------------------------------------------------------


def _told(played: Played, served: Sequence[_Served], credited_ueur: int) -> ByCard:
    items = played.items
    cut_ms = {each.meter: each.true_ms for each in items if _changes_to(each, Supply.OFF)}
    early = [at_ms for at_ms in cut_ms.values() if at_ms < night.PLANNED_CUT_MS]
    back_ms = {
        each.meter: each.true_ms
        for each in items
        if _changes_to(each, Supply.ON) and each.fields["reason"] == SupplyReason.RELEASE
    }
    return ByCard(
        households=len(served),
        heard_wrong_date=sum(each.event == "claim" and each.fields["source"] == "unsigned" for each in items),
        early_cuts=len(early),
        cancelled=sum(not each.waits and each.meter not in cut_ms for each in served),
        cuts=len(cut_ms),
        minutes=tuple((back_ms[meter] - cut_ms[meter]) / MINUTE_MS for meter in sorted(back_ms)),
        passes=sum(each.event == "input" and each.fields["do"] == "card_in" for each in items),
        pulled=sum(each.event == "input" and "pull_after_ms" in each.fields for each in items),
        accepted=sum(each.event == "screen" and each.fields["code"] == _ACCEPTED for each in items),
        paid_ueur=len(served) * _PAID_EUR * UEUR_PER_EUR,
        credited_ueur=credited_ueur,
    )


def _changes_to(item: Item, supply: Supply) -> bool:
    return item.event == "supply" and item.fields["to"] == supply
