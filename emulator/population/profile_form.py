"""Reads profiles from TOML: the shipped ones, and what a scenario overrides in them (design §4 and §9).

A shipped file gives every key of `[profile.NAME]` and of `[tariff]` once: at its top, or in
`[electricity]` and `[gas]` where the energies differ. A scenario's override holds for both.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from emulator.firmware.profile import EmergencyStart, Profile, Reconnect
from emulator.forms.fields import Fields
from emulator.forms.problems import Problems
from emulator.forms.toml_text import parse_toml
from protocols.instants import DAY_MS, SECOND_MS
from protocols.limits import LEASE_MS_MAX, LOAD_W_MAX
from protocols.reasons import Energy
from protocols.units import QUANTA_PER_UEUR, UEUR_PER_EUR, eur_from_quanta

# Emergency credit and alert levels: twenty times the highest that is known.
PURSE_EUR_MAX: Final = 1_000
# No power exchange has ever had this price per kilowatt hour (harmonised limit: 4 to 5 €/kWh).
EUR_PER_KWH_MAX: Final = 100
FIXED_EUR_PER_DAY_MAX: Final = 1_000
# A warning longer than any lease could never be complete inside one.
WARNING_S_MAX: Final = LEASE_MS_MAX // SECOND_MS
# A tenth: more than any crystal is off, and the margin's ρ/(10⁶−ρ) stays small (design §4.1).
CRYSTAL_PPM_MAX: Final = 100_000

_DAY_S = DAY_MS // SECOND_MS

_Getter = Callable[[Fields, str], object]


def _integer(most: int) -> _Getter:
    return lambda given, key: given.integer(key, 0, most)


def _purse_q(given: Fields, key: str) -> int:
    return given.ueur(key, 0, PURSE_EUR_MAX) * QUANTA_PER_UEUR


def _friendly(given: Fields, key: str) -> str:
    """A rule, or the empty text: no friendly hours."""
    return given.text(key) and given.rule(key).text


# Key of the file: field of Profile, and how it is read.
PROFILE_KEYS: Final[Mapping[str, tuple[str, _Getter]]] = {
    "zone": ("zone", Fields.zone),
    "keypad": ("keypad", lambda given, key: given.boolean(key)),
    "emergency_credit_eur": ("emergency_credit_q", _purse_q),
    "emergency_credit_start": (
        "emergency_start",
        lambda given, key: given.one_of(key, tuple(EmergencyStart)),
    ),
    "reconnect": ("reconnect", lambda given, key: given.one_of(key, tuple(Reconnect))),
    "warning_s": ("warning_s", _integer(WARNING_S_MAX)),
    "spread_max_s": ("spread_max_s", _integer(_DAY_S)),
    "limiter_w": ("limiter_w", _integer(LOAD_W_MAX)),
    "leak_test_s": ("leak_test_s", _integer(_DAY_S)),
    "crystal_ppm": ("crystal_ppm", _integer(CRYSTAL_PPM_MAX)),
    "friendly": ("friendly", _friendly),
    "low_credit_eur": ("low_credit_q", _purse_q),
    "debt_share_percent": ("debt_share_percent", _integer(100)),
}
TARIFF_KEYS: Final[Mapping[str, tuple[str, _Getter]]] = {
    "eur_per_kwh": ("price_ueur_per_kwh", lambda given, key: given.ueur(key, 0, EUR_PER_KWH_MAX)),
    "fixed_eur_per_day": (
        "fixed_ueur_per_day",
        lambda given, key: given.ueur(key, 0, FIXED_EUR_PER_DAY_MAX),
    ),
}
ALL_KEYS: Final[Mapping[str, tuple[str, _Getter]]] = {**PROFILE_KEYS, **TARIFF_KEYS}


@dataclass(frozen=True, slots=True)
class ProfileData:
    """One kind of meter, for both energies."""

    electricity: Profile
    gas: Profile

    def of(self, energy: Energy) -> Profile:
        """The profile for one energy."""
        return self.gas if energy is Energy.GAS else self.electricity


def read_profile(content: str | bytes, file: str, name: str) -> ProfileData:
    """The profile `name` from its TOML text.

    Raises InputError, a line per problem, unless both energies are given every parameter once.
    """
    problems = Problems(file)
    top = Fields(problems, "", parse_toml(content, file))
    both = read_changes(top, ALL_KEYS)
    of_energy: dict[Energy, dict[str, Any]] = {}
    for energy in Energy:
        given = top.table(energy.value)
        of_energy[energy] = dict(both)
        if given is not None:
            of_energy[energy] |= read_changes(given, ALL_KEYS)
            given.finish()
        for key, (field, _) in ALL_KEYS.items():
            if field not in of_energy[energy]:
                problems.add(key, f"missing for {energy}", f"a value here or in [{energy}]")
    top.finish()
    problems.raise_if_any()
    return ProfileData(
        electricity=Profile(name=name, energy=Energy.ELECTRICITY, **of_energy[Energy.ELECTRICITY]),
        gas=Profile(name=name, energy=Energy.GAS, **of_energy[Energy.GAS]),
    )


def values_of(profile: Profile) -> dict[str, str | int | bool]:
    """The value of each key, in the form in which a file gives it."""
    return {key: _in_file(field, getattr(profile, field)) for key, (field, _) in ALL_KEYS.items()}


def _in_file(field: str, value: str | int | bool) -> str | int | bool:  # noqa: FBT001 # a value of any key
    """Money in euro: quanta to the cent, as purses are set; micro-euro with all their digits."""
    if field.endswith("_q"):
        return eur_from_quanta(int(value))
    if "_ueur_" in field:
        whole, micro = divmod(int(value), UEUR_PER_EUR)
        digits = f"{micro:06}".rstrip("0")
        return f"{whole}.{digits:0<2}"
    return value


def read_changes(given: Fields, keys: Mapping[str, tuple[str, _Getter]]) -> dict[str, Any]:
    """Those of `keys` that a table contains, as fields of Profile. The caller finishes the table."""
    return {field: getter(given, key) for key, (field, getter) in keys.items() if given.has(key)}


def with_overrides(top: Fields, shipped: Mapping[str, ProfileData]) -> dict[str, ProfileData]:
    """The shipped profiles, changed by a scenario's `[tariff]` and `[profile.NAME]`.

    An unknown NAME is refused: otherwise a misspelt one would silently change nothing.
    """
    profiles = dict(shipped)
    if (tariff := top.table("tariff")) is not None:
        prices = read_changes(tariff, TARIFF_KEYS)
        tariff.finish()
        profiles = {name: _changed(data, prices) for name, data in profiles.items()}
    if (overrides := top.table("profile")) is not None:
        for name in shipped:
            if (given := overrides.table(name)) is not None:
                profiles[name] = _changed(profiles[name], read_changes(given, PROFILE_KEYS))
                given.finish()
        overrides.finish()
    return profiles


def _changed(data: ProfileData, changes: dict[str, Any]) -> ProfileData:
    return ProfileData(
        electricity=replace(data.electricity, **changes),
        gas=replace(data.gas, **changes),
    )
