"""The meters of a scenario at its start: powered, supply on, clock right (design §9)."""

from emulator.firmware.guarded.identity import Identity
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.firmware.legacy.meter import LegacyMeter
from emulator.firmware.meter import Meter
from emulator.scenario.cards import ChipCards, folder_of
from emulator.scenario.delivery import CardDelivery, Delivery, GuardedDelivery
from emulator.scenario.keyring import Keyring, secret_of
from emulator.scenario.model import MeterSpec, Scenario
from protocols.instants import UtcMs
from protocols.link.keys import ask_key, asks_key, meter_key
from protocols.reasons import Source


def commission(spec: MeterSpec, scenario: Scenario, keyring: Keyring, load_w: int) -> tuple[Meter, Delivery]:
    """The firmware of a meter, and the delivery of events to it. The scenario's seed makes its secrets."""
    secret = secret_of(scenario.seed, f"meter/{spec.id}")
    cards = ChipCards(spec, keyring, scenario.seed, folder_of(scenario))
    if spec.firmware == "guarded":
        guarded = GuardedMeter(
            _identity(spec, keyring)
            if scenario.uses_cards or scenario.home
            else Identity(spec.id, frozenset(), secret),
            spec.profile,
            keyring.root,
            balance_q=spec.balance_q,
            load_w=load_w,
            commissioned_ms=UtcMs(scenario.start_ms),
            mode=spec.mode,
            issuers=keyring.issuers,
        )
        return guarded, GuardedDelivery(guarded, spec, keyring, cards)
    legacy = LegacyMeter(
        spec.profile,
        balance_q=spec.balance_q,
        load_w=load_w,
        set_ms=UtcMs(scenario.start_ms),
        faults=spec.faults,
        # With seed 0 defects use no chance (`legacy.defects`); with another seed meters differ.
        seed=int.from_bytes(secret[:4], "big") if scenario.seed else 0,
    )
    return legacy, CardDelivery(legacy)


def _identity(spec: MeterSpec, keyring: Keyring) -> Identity:
    """With the keys that a fleet's meter has: those from which the keys of its cards derive."""
    fleet_key = keyring.fleet_key
    asks = {source: ask_key(asks_key(fleet_key, source), spec.id) for source in Source}
    return Identity(spec.id, frozenset(), meter_key(fleet_key, spec.id), asks)
