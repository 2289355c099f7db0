"""The meters of a scenario at its start: powered, supply on, clock right (design §9)."""

from emulator.firmware.guarded.identity import Identity
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.firmware.legacy.meter import LegacyMeter
from emulator.firmware.meter import Meter
from emulator.scenario.delivery import CardDelivery, Delivery, GuardedDelivery
from emulator.scenario.keyring import Keyring, secret_of
from emulator.scenario.model import MeterSpec, Scenario
from protocols.instants import UtcMs


def commission(spec: MeterSpec, scenario: Scenario, keyring: Keyring, load_w: int) -> tuple[Meter, Delivery]:
    """The firmware of a meter, and the delivery of events to it. The scenario's seed makes its secrets."""
    secret = secret_of(scenario.seed, f"meter/{spec.id}")
    if spec.firmware == "guarded":
        guarded = GuardedMeter(
            Identity(spec.id, frozenset(), secret),
            spec.profile,
            keyring.root,
            balance_q=spec.balance_q,
            load_w=load_w,
            commissioned_ms=UtcMs(scenario.start_ms),
            mode=spec.mode,
        )
        return guarded, GuardedDelivery(guarded, spec.id, keyring)
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
