"""`relance-emulator meter` with faces: which meter, where its faces are, and how it is told."""

import asyncio
import signal
import sys
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec

from cardreader.readers.virtual import SCHEME, VirtualCard
from emulator.cli.dlms_counters import begin_counters, file_of
from emulator.cli.dlms_keys import is_keys, read_settings
from emulator.cli.meter_options import GUARDED, LEGACY
from emulator.cli.reading import read_files
from emulator.cli.trust import read_secrets
from emulator.faces.dlms.security import system_title
from emulator.faces.dlms.session import PASSWORD_BYTES_MAX
from emulator.faces.optical.session import PASSWORD_CHARS_MAX, is_password
from emulator.faces.p1.faults import TelegramFault
from emulator.faces.places import FacePlace, PlaceKind, read_place
from emulator.firmware.profile import Profile
from emulator.fleet.pacing import PacedTime
from emulator.onsite.building import lone_scenario, meter_of
from emulator.onsite.installed import InstalledMeter
from emulator.onsite.p1_face import P1Choice
from emulator.onsite.running import HDLC, FaceChoice, run_with_faces
from emulator.scenario.cards import check_files, folder_of
from emulator.scenario.form_meters import FIRMWARES, Firmware
from emulator.scenario.keyring import HomeKeys
from emulator.scenario.model import MeterSpec, Scenario
from protocols.arguments import check_choice, read_name
from protocols.errors import InputError, quoted
from protocols.instants import UtcMs
from protocols.rim.terminal import Exit, warn

DEFAULT_NAME: Final = "m1"
_RATE_MIN: Final = 0.001
_RATE_MAX: Final = 1_000_000
_EVERY_MAX: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class FaceOptions:
    """The options of faces as they were typed; empty: not at all."""

    p1: str
    p1_fault: str
    p1_amounts: bool
    optical: str
    optical_password: str
    dlms: str
    dlms_password: str
    dlms_keys: str
    dlms_policy: int
    console: str
    scenario: str
    rate: float

    @property
    def wanted(self) -> bool:
        """Whether a face was asked for, or something that only a running meter has."""
        faces = self.p1 or self.p1_fault or self.p1_amounts or self.optical or self.dlms or self.console
        return bool(faces or self.scenario or self.rate != 1)


@dataclass(frozen=True, slots=True)
class LoneMeter:
    """A meter without a scenario, as it was asked for."""

    name: str | None
    firmware: Firmware
    profile: Profile
    balance_q: int
    load_w: int | None
    seed: int
    card: str
    home: Path | None


def read_firmware(text: str) -> Firmware:
    """The firmware of this name. Raises InputError."""
    check_choice(text, FIRMWARES, "--firmware")
    return LEGACY if text == LEGACY else GUARDED


def serve_faces(options: FaceOptions, lone: LoneMeter, now_ms: UtcMs, *, as_json: bool) -> int:
    """Run one meter with its faces until Ctrl-C or SIGTERM. Raises InputError for any option."""
    scenario, home = _scenario(options, lone, now_ms)
    spec = meter_of(scenario, lone.name)
    choice = _choice(options, spec, scenario.seed)
    check_files(scenario)
    warn(scenario.warnings)
    with ExitStack() as stack:
        choice = _with_counters(options, choice, spec, now_ms, stack)
        meter = InstalledMeter(scenario, spec, home)
        stack.callback(meter.close)
        _run(meter, options, choice, scenario.start_ms, as_json=as_json)
    return Exit.DONE


def _run(
    meter: InstalledMeter, options: FaceOptions, choice: FaceChoice, start_ms: int, *, as_json: bool
) -> None:
    """Run it until it is cancelled."""
    spec = meter.spec
    clock = PacedTime(UtcMs(start_ms), _rate_permille(options.rate))

    def tell(places: Mapping[str, str]) -> None:
        told: dict[str, object] = {
            "meter": spec.id,
            "firmware": spec.firmware,
            "profile": spec.profile.name,
            "faces": places,
        }
        keys = _told_keys(options, choice, spec)
        if keys:
            told["dlms"] = keys
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n" if as_json else _text(spec, places, keys))
        sys.stdout.flush()

    async def run() -> None:
        running = asyncio.ensure_future(run_with_faces(meter, clock, choice, tell))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
        await running

    # SIGTERM: whoever sent it wanted the end, and has it.
    with suppress(asyncio.CancelledError):
        asyncio.run(run())


def _with_counters(
    options: FaceOptions, choice: FaceChoice, spec: MeterSpec, now_ms: UtcMs, stack: ExitStack
) -> FaceChoice:
    """With where the counters of its DLMS keys begin. Of keys that were typed the clock alone says it."""
    security = choice.dlms_security
    if choice.dlms is None or security is None:
        return choice
    is_file = bool(options.dlms_keys) and not is_keys(options.dlms_keys)
    path = file_of(Path(options.dlms_keys), system_title(spec.id)) if is_file else None
    begin, keep = begin_counters(path, now_ms, stack)
    return replace(choice, dlms_security=security._replace(begin=begin, keep=keep))


def _scenario(options: FaceOptions, lone: LoneMeter, now_ms: UtcMs) -> tuple[Scenario, HomeKeys | None]:
    if options.scenario:
        scenario = read_files([options.scenario])[0]
        return scenario, _home(folder_of(scenario) / scenario.home) if scenario.home else None
    name = read_name(lone.name or DEFAULT_NAME, "METER")
    card = _card(lone)
    scenario = lone_scenario(
        name,
        lone.firmware,
        lone.profile,
        now_ms,
        balance_q=lone.balance_q,
        load_w=lone.load_w,
        seed=lone.seed,
        card=card,
        home=str(lone.home or ""),
    )
    return scenario, None if lone.home is None else _home(lone.home)


def _card(lone: LoneMeter) -> str:
    """The file of the card that is put in. Raises InputError, UnreachableError for one that another uses."""
    if not lone.card:
        return ""
    if lone.firmware == LEGACY:
        raise InputError(f"--card: a {LEGACY} meter reads no such card; allowed: the cards of a --scenario")
    path = lone.card.removeprefix(SCHEME)
    with VirtualCard(Path(path)):
        return path


def _home(folder: Path) -> HomeKeys:
    found = read_secrets(folder / "root.json", None)
    return HomeKeys(found.root, found.fleet_key, found.issuers)


def _choice(options: FaceOptions, spec: MeterSpec, seed: int) -> FaceChoice:
    """Where the faces are to be. Raises InputError for one that this meter does not have."""
    p1 = _place(options.p1, "--p1")
    if p1 is not None and spec.firmware == LEGACY:
        raise InputError(f"--p1: a {LEGACY} meter has no such port; allowed: with --firmware {GUARDED}")
    optical, console = _place(options.optical, "--optical"), _place(options.console, "--console")
    dlms, is_hdlc = _dlms_place(options.dlms, spec)
    if p1 is None and optical is None and console is None and dlms is None:
        raise InputError("no face; allowed: one of --p1, --optical, --dlms, --console")
    fault, every = _fault(options.p1_fault)
    password = options.optical_password
    if not is_password(password):
        allowed = f"1 to {PASSWORD_CHARS_MAX} letters, digits and signs of ASCII but ( ) / ! *"
        raise InputError(f"--optical-password: {quoted(password)}; allowed: {allowed}")
    dlms_password = _dlms_password(options.dlms_password)
    p1_choice = P1Choice(options.p1_amounts, fault, every)
    security = read_settings(options.dlms_keys, options.dlms_policy, seed, spec.id)
    return FaceChoice(p1, p1_choice, optical, password, console, dlms, is_hdlc, dlms_password, security)


def _dlms_place(text: str, spec: MeterSpec) -> tuple[FacePlace | None, bool]:
    """Where DLMS is served, and whether by HDLC. Raises InputError for what cannot be."""
    is_hdlc = text.startswith(HDLC)
    place = read_place(text.removeprefix(HDLC), "--dlms") if text else None
    if place is not None and spec.firmware == LEGACY:
        raise InputError(f"--dlms: a {LEGACY} meter has no such port; allowed: with --firmware {GUARDED}")
    if place is not None and place.kind is not PlaceKind.TCP and not is_hdlc:
        allowed = "tcp:HOST:PORT, such as tcp:127.0.0.1:4059, or hdlc: and any place, such as hdlc:pty:PATH"
        raise InputError(f"--dlms: {quoted(text)}; allowed: {allowed}")
    return place, is_hdlc


def _dlms_password(text: str) -> str:
    if not (text.isascii() and text.isprintable() and 0 < len(text) <= PASSWORD_BYTES_MAX):
        allowed = f"1 to {PASSWORD_BYTES_MAX} characters of ASCII"
        raise InputError(f"--dlms-password: {quoted(text)}; allowed: {allowed}")
    return text


def _place(text: str, where: str) -> FacePlace | None:
    return read_place(text, where) if text else None


def _fault(text: str) -> tuple[TelegramFault | None, int]:
    """`NAME` or `NAME:EVERY`."""
    if not text:
        return None, 1
    name, colon, every = text.partition(":")
    check_choice(name, list(TelegramFault), "--p1-fault")
    if not colon:
        return TelegramFault(name), 1
    if not (every.isascii() and every.isdigit()) or not 1 <= int(every[:8]) <= _EVERY_MAX:
        raise InputError(f"--p1-fault: {quoted(text)}; allowed: {name}, or {name}:N for every N-th telegram")
    return TelegramFault(name), int(every[:8])


def _rate_permille(rate: float) -> int:
    # Compared before it is multiplied: a thousand times the largest float is no number.
    if not _RATE_MIN <= rate <= _RATE_MAX:
        raise InputError(f"--rate: {rate:g}; allowed: {_RATE_MIN:g} to {_RATE_MAX}")
    return round(rate * 1000)


def _told_keys(options: FaceOptions, choice: FaceChoice, spec: MeterSpec) -> Mapping[str, str]:
    """What client 1 of DLMS needs, where nobody has brought keys: those of a seed are no secret."""
    if choice.dlms is None or options.dlms_keys or choice.dlms_security is None:
        return {}
    keys = choice.dlms_security.keys
    return {
        "system_title": system_title(spec.id).hex(),
        "encryption_key": keys.encryption.hex(),
        "authentication_key": keys.authentication.hex(),
        "invocation_counter": str(choice.dlms_security.begin.next_received),
    }


def _text(spec: MeterSpec, places: Mapping[str, str], keys: Mapping[str, str]) -> str:
    lines = [f"meter {spec.id}: {spec.firmware}, {spec.profile.name}; it runs until Ctrl-C"]
    lines += [f"  {face:<8} {where}" for face, where in places.items()]
    lines += [f"  dlms {name.replace('_', ' ')} {value}" for name, value in keys.items()]
    return "\n".join(lines) + "\n"
