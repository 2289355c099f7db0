"""Bench files: TOML text to a `BenchSpec`, or every problem of the file at once, a line each.

desk.toml: line 9: relay.mains_channel: 0; allowed: 1 to 8
"""

from collections.abc import Collection, Mapping
from datetime import date
from functools import cache
from typing import Final

from emulator.faces.dlms.session import DEFAULT_DLMS_PASSWORD, PASSWORD_BYTES_MAX
from emulator.faces.optical.session import DEFAULT_PASSWORD, PASSWORD_CHARS_MAX, is_password
from emulator.forms.fields import Fields
from emulator.forms.problems import Problems, shown
from emulator.forms.toml_text import parse_toml, places_in
from emulator.scenario.form_meters import FIRMWARES
from hil.bench_spec import (
    BOOT_MS,
    SETTLE_MS,
    BenchSpec,
    ByConsole,
    CardReaderSpec,
    ModemLine,
    OpticalSpec,
    OrdersSpec,
    RelaySpec,
    SerialPlace,
    SupplyLineSpec,
    VirtualSpec,
)
from hil.record.model import Calibration
from protocols.reasons import Energy

BAUDS: Final = (300, 600, 1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200)
RELAY_CHANNELS_MAX: Final = 8
INSTRUMENTS_MAX: Final = 32
# A sensor that is later than this measures nothing; a meter that boots longer is not there.
SETTLE_MS_MAX: Final = 10_000
BOOT_MS_MAX: Final = 600_000
_SEED_MAX: Final = 2**63 - 1
_FAULTS_MAX: Final = 64
_WIRED: Final = ("console", "optical", "p1", "relay", "supply", "card", "reader", "orders")
_CONSOLE_BAUD: Final = 9600
_P1_BAUD: Final = 115_200
_DLMS_BAUD: Final = 9600


def read_bench(
    text: str | bytes, file: str, profiles: Collection[str], fault_names: Collection[str]
) -> BenchSpec:
    """The bench in a file's text; `file` is its name in messages. Raises InputError, a line for a problem."""
    tables = parse_toml(text, file)
    places = cache(lambda: places_in(text))
    problems = Problems(file, lambda where: places().line(where))
    top = Fields(problems, "", tables)
    console, by_console = _console(top)
    name, settle_ms, boot_ms = _bench(top)
    spec = BenchSpec(
        name=name,
        serial=_serial(top),
        virtual=_virtual(top, tables, profiles, fault_names),
        console=console,
        by_console=by_console,
        optical=_optical(top),
        customer_port=_customer_port(top),
        relay=_relay(top),
        supply_line=_supply_line(top),
        card_by_operator=_card(top),
        card_reader=_card_reader(top),
        orders=_orders(top),
        instruments=_instruments(top),
        settle_ms=settle_ms,
        boot_ms=boot_ms,
    )
    if not any(top.has(key) for key in ("virtual", *_WIRED)):
        top.refuse("virtual", "missing", f"a table [virtual], or what is wired: {', '.join(_WIRED)}")
    _refuse_both(top, spec)
    top.finish()
    problems.raise_if_any()
    return spec


def _bench(top: Fields) -> tuple[str, int, int]:
    """Its name, and how long a sensor and a meter may take."""
    bench = top.table("bench")
    if bench is None:
        if not top.has("bench"):
            top.refuse("bench", "missing", "a table, [bench], with the bench's name")
        return "", SETTLE_MS, BOOT_MS
    name = bench.identifier("name")
    settle_ms = bench.integer("settle_ms", 0, SETTLE_MS_MAX, SETTLE_MS)
    boot_ms = bench.integer("boot_ms", 0, BOOT_MS_MAX, BOOT_MS)
    bench.finish()
    return name, settle_ms, boot_ms


def _serial(top: Fields) -> str:
    dut = top.table("dut")
    if dut is None:
        return ""
    serial = dut.text("serial", "", chars_max=64)
    dut.finish()
    return serial


def _virtual(
    top: Fields, tables: Mapping[str, object], profiles: Collection[str], fault_names: Collection[str]
) -> VirtualSpec | None:
    given = top.table("virtual")
    if given is None:
        return None
    for key in _WIRED:
        if key in tables:
            top.refuse(key, "a table beside [virtual]", "what is wired, or [virtual]: not both")
    spec = VirtualSpec(
        firmware=given.one_of("firmware", FIRMWARES, "guarded"),
        profile=given.one_of("profile", sorted(profiles), "wallonia-card-2020"),
        energy=given.one_of("energy", [each.value for each in Energy], Energy.ELECTRICITY.value),
        seed=given.integer("seed", 0, _SEED_MAX, 1),
        faults=given.names("faults", sorted(fault_names)),
    )
    if spec.faults and spec.firmware != "legacy-2020":
        given.refuse("faults", f"faults of a {spec.firmware} meter", "faults of legacy-2020 alone")
    given.finish()
    return spec


def _customer_port(top: Fields) -> SerialPlace | None:
    given = top.table("p1")
    if given is None:
        return None
    place = _port(given, _P1_BAUD)
    given.finish()
    return place


def _port(given: Fields, baud: int) -> SerialPlace:
    port = given.text("port")
    if given.right("port") and not port:
        given.refuse("port", '""', "a device such as /dev/ttyUSB0, or a URL such as rfc2217://HOST:PORT")
    return SerialPlace(port, given.one_of("baud", BAUDS, baud))


def _console(top: Fields) -> tuple[SerialPlace | None, frozenset[ByConsole]]:
    """The console, and what is done by typing at it."""
    given = top.table("console")
    if given is None:
        return None, frozenset()
    place = _port(given, _CONSOLE_BAUD)
    does = given.names("does", [each.value for each in ByConsole])
    given.finish()
    return place, frozenset(ByConsole(name) for name in does)


def _optical(top: Fields) -> OpticalSpec | None:
    given = top.table("optical")
    if given is None:
        return None
    port = given.text("port")
    password = given.text("password", DEFAULT_PASSWORD)
    if given.right("password") and not is_password(password):
        allowed = f"1 to {PASSWORD_CHARS_MAX} characters of ASCII, none of ( ) / * !"
        given.refuse("password", shown(password), allowed)
    given.finish()
    return OpticalSpec(port, password)


def _relay(top: Fields) -> RelaySpec | None:
    given = top.table("relay")
    if given is None:
        return None
    spec = RelaySpec(
        place=_port(given, _CONSOLE_BAUD),
        mains_channel=given.integer("mains_channel", 1, RELAY_CHANNELS_MAX, 1),
        energised_is_on=given.boolean("energised_is_on", default=True),
    )
    given.finish()
    return spec


def _supply_line(top: Fields) -> SupplyLineSpec | None:
    given = top.table("supply")
    if given is None:
        return None
    spec = SupplyLineSpec(
        place=_port(given, _CONSOLE_BAUD),
        line=ModemLine(given.one_of("line", [each.value for each in ModemLine], ModemLine.CTS.value)),
        high_is_supplied=given.boolean("high_is_supplied", default=True),
    )
    given.finish()
    return spec


def _card(top: Fields) -> bool:
    given = top.table("card")
    if given is None:
        return False
    given.one_of("moved_by", ("operator",), "operator")
    given.finish()
    return True


def _card_reader(top: Fields) -> CardReaderSpec | None:
    given = top.table("reader")
    if given is None:
        return None
    reader, fleet_key = given.text("name", "any"), given.text("fleet_key", "")
    practice = given.text("practice", "" if fleet_key else "practice")
    if given.right("name") and reader in ("", "virtual:"):
        given.refuse("name", shown(reader), "any, the name of a PC/SC reader, or virtual:FILE")
    if given.right("fleet_key", "practice") and bool(fleet_key) == bool(practice):
        given.refuse("practice", shown(practice), "a seed of practice keys, or fleet_key: one of both")
    given.finish()
    return CardReaderSpec(reader, fleet_key, practice)


def _orders(top: Fields) -> OrdersSpec | None:
    """Orders by DLMS; to whom they go is asked at the console."""
    given = top.table("orders")
    if given is None:
        return None
    given.one_of("by", ("dlms",), "dlms")
    place = _port(given, _DLMS_BAUD)
    password = given.text("password", DEFAULT_DLMS_PASSWORD)
    is_password = password.isascii() and password.isprintable() and 0 < len(password) <= PASSWORD_BYTES_MAX
    if given.right("password") and not is_password:
        given.refuse("password", shown(password), f"1 to {PASSWORD_BYTES_MAX} characters of ASCII")
    spec = OrdersSpec(place, password, given.integer("seed", 0, _SEED_MAX, 1))
    given.finish()
    if not top.has("console"):
        top.refuse("orders", "a table without [console]", "with a console, which says to which meter they go")
    return spec


def _instruments(top: Fields) -> tuple[Calibration, ...]:
    found = []
    for given in top.tables("instruments", INSTRUMENTS_MAX):
        name = given.text("name", chars_max=64)
        calibrated, until = _date(given, "calibrated"), _date(given, "valid_until")
        if given.right("calibrated", "valid_until") and until < calibrated:
            given.refuse("valid_until", until, f"a date from {calibrated} on")
        given.finish()
        found.append(Calibration(name, calibrated, until))
    return tuple(found)


def _date(given: Fields, key: str) -> str:
    value = given.value(key)
    # A datetime is a date to Python, and none here.
    if type(value) is date:
        return value.isoformat()
    given.refuse(key, "missing" if not given.has(key) else shown(value), "a date, such as 2026-05-01")
    return ""


def _refuse_both(top: Fields, spec: BenchSpec) -> None:
    """What a device does is not typed as well: nobody could tell which of the two was seen."""
    devices = {ByConsole.MAINS: ("relay", spec.relay), ByConsole.SUPPLY: ("supply", spec.supply_line)}
    for act, (key, device) in devices.items():
        if device is not None and act in spec.by_console:
            top.refuse(key, f"a device for what console.does has too: {act}", "one of both")
