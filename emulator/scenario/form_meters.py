"""`[[meters]]` of a scenario file, and which of them an event or expectation addresses (design §9)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from emulator.forms.fields import ID_ALLOWED, Fields
from emulator.forms.problems import perhaps, shown
from emulator.population.profile_form import CRYSTAL_PPM_MAX, ProfileData
from emulator.scenario.model import MeterSpec
from protocols.identifiers import is_id
from protocols.limits import BALANCE_EUR_MAX, LOAD_W_MAX, SCENARIO_METERS_MAX
from protocols.reasons import Energy, PaymentMode
from protocols.units import QUANTA_PER_UEUR

Firmware = Literal["guarded", "legacy-2020"]

FIRMWARES: Final[tuple[Firmware, ...]] = ("guarded", "legacy-2020")
EVERYONE: Final = "*"
DEFAULT_PROFILE: Final = "wallonia-card-2020"

_NUMBER = "{n}"
# How many ids a message shows.
_IDS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Population:
    """The meters of a file by id. `whole` is false if some could not be read."""

    by_id: Mapping[str, MeterSpec]
    everyone: tuple[str, ...]
    firmwares: frozenset[Firmware]
    whole: bool

    def firmwares_of(self, meters: tuple[str, ...]) -> frozenset[Firmware]:
        """The firmwares of these meters; none if some meters of the file could not be read."""
        if not self.whole:
            return frozenset()
        if meters is self.everyone:
            return self.firmwares
        return frozenset(self.by_id[meter].firmware for meter in meters)


def read_population(
    top: Fields, profiles: Mapping[str, ProfileData], fault_names: Collection[str]
) -> Population:
    """Every meter of `[[meters]]`, with `count` expanded."""
    before = len(top.problems)
    by_id: dict[str, MeterSpec] = {}
    tables = top.tables("meters", SCENARIO_METERS_MAX)
    if not tables and len(top.problems) == before:
        top.refuse("meters", "none", "at least one table, [[meters]]")
    for given in tables:
        _read_meters(given, profiles, fault_names, by_id)
    return Population(
        by_id=by_id,
        everyone=tuple(by_id),
        firmwares=frozenset(meter.firmware for meter in by_id.values()),
        whole=len(top.problems) == before,
    )


def read_addressed(given: Fields, population: Population) -> tuple[str, ...]:
    """The meters that `meters` names: `"*"`, the default, or an array of ids."""
    known = population.by_id
    value = given.value("meters", EVERYONE)
    if value == EVERYONE:
        return population.everyone
    allowed = 'every meter as "*", or an array of their ids, such as ["m1"]'
    if not isinstance(value, list) or not value:
        given.refuse("meters", "an empty array" if value == [] else shown(value), allowed)
        return ()
    found: dict[str, None] = {}
    for index, meter in enumerate(value):
        item = f"meters[{index}]"
        if not isinstance(meter, str) or meter == EVERYONE:
            given.refuse_item("meters", item, shown(meter), allowed)
        elif meter not in known:
            if population.whole:
                given.refuse_item("meters", item, shown(meter), _ids_allowed(population, meter))
        elif meter in found:
            given.refuse_item("meters", item, f"{shown(meter)} stands here twice", "each meter once")
        else:
            found[meter] = None
    return tuple(found)


def _ids_allowed(population: Population, found: str) -> str:
    ids = population.everyone
    more = f" and {len(ids) - _IDS_SHOWN} more" if len(ids) > _IDS_SHOWN else ""
    return ", ".join(ids[:_IDS_SHOWN]) + more + perhaps(found, ids)


def _read_meters(
    given: Fields,
    profiles: Mapping[str, ProfileData],
    fault_names: Collection[str],
    by_id: dict[str, MeterSpec],
) -> None:
    """Read one table into `by_id`: one meter, or `count` of them."""
    ids = _read_ids(given, by_id)
    firmware = given.one_of("firmware", FIRMWARES)
    profile = given.one_of("profile", tuple(profiles), DEFAULT_PROFILE)
    energy = given.one_of("energy", tuple(Energy), Energy.ELECTRICITY)
    balance_ueur = given.ueur("balance_eur", -BALANCE_EUR_MAX, BALANCE_EUR_MAX)
    load_w = _read_load(given)
    faults = given.names("faults", sorted(fault_names))
    if faults and firmware == "guarded" and given.right("firmware"):
        given.refuse("faults", "faults of a guarded meter", 'faults with firmware = "legacy-2020" only')
    drift_ppm = given.integer("drift_ppm", -CRYSTAL_PPM_MAX, CRYSTAL_PPM_MAX, 0)
    mode = given.one_of("mode", tuple(PaymentMode), PaymentMode.PREPAID)
    if mode is PaymentMode.CREDIT and firmware != "guarded" and given.right("firmware", "mode"):
        given.refuse("mode", shown(mode.value), 'credit with firmware = "guarded" only')
    given.finish()
    for meter in ids:
        if meter in by_id:
            given.refuse("id", f"{shown(meter)} is already the id of another meter", "each id once")
            return
        by_id[meter] = MeterSpec(
            id=meter,
            firmware=firmware,
            profile=profiles[profile].of(energy),
            balance_q=balance_ueur * QUANTA_PER_UEUR,
            load_w=load_w,
            faults=faults,
            drift_ppm=drift_ppm,
            mode=mode,
        )


def _read_load(given: Fields) -> int | None:
    if not given.has("load"):
        return given.integer("load_w", 0, LOAD_W_MAX, 0)
    if given.has("load_w"):
        given.refuse("load", "beside load_w", "one of load, load_w")
    given.one_of("load", ("household",))
    return None


def _read_ids(given: Fields, by_id: Mapping[str, MeterSpec]) -> list[str]:
    """The ids of a table, with `{n}` counted from 1; none if they are wrong."""
    if not given.has("count"):
        return [given.identifier("id")]
    count = given.integer("count", 1, SCENARIO_METERS_MAX)
    pattern = given.text("id")
    if not given.right("count", "id"):
        return []
    if len(by_id) + count > SCENARIO_METERS_MAX:
        found = f"{len(by_id) + count} meters with these"
        given.refuse("count", found, f"at most {SCENARIO_METERS_MAX} in a file")
    elif _NUMBER not in pattern:
        given.refuse("id", shown(pattern), f"with count, a text that holds {_NUMBER}, such as m{_NUMBER}")
    else:
        last = pattern.replace(_NUMBER, str(count))
        if is_id(last):
            return [pattern.replace(_NUMBER, str(number)) for number in range(1, count + 1)]
        given.refuse("id", f"{shown(pattern)} becomes {shown(last)}", ID_ALLOWED)
    return []
