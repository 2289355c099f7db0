"""`relance-emulator meter`: one meter from a shell, with a card in its slot."""

from collections.abc import Mapping
from typing import Final

from emulator.cli.meter_faces import FaceOptions, LoneMeter, read_firmware, serve_faces
from emulator.cli.meter_options import (
    GUARDED,
    LEGACY,
    BalanceEur,
    CardFile,
    ConsolePlace,
    DlmsKeys,
    DlmsPassword,
    DlmsPlace,
    DlmsPolicy,
    EnergyName,
    FirmwareName,
    Home,
    LoadW,
    Name,
    OpticalPassword,
    OpticalPlace,
    P1Amounts,
    P1Fault,
    P1Place,
    Practice,
    ProfileName,
    PullAfterMs,
    Rate,
    ScenarioFile,
    Seed,
    StateFile,
)
from emulator.cli.meter_visit import PRACTICE_SEED, VisitOptions, visit_once
from emulator.cli.options import Json
from emulator.faces.dlms.session import DEFAULT_DLMS_PASSWORD
from emulator.faces.optical.session import DEFAULT_PASSWORD
from emulator.population.shipped import profile_named
from protocols.arguments import check_choice, read_name
from protocols.errors import InputError
from protocols.limits import BALANCE_EUR_MAX
from protocols.reasons import Energy
from protocols.rim.clocks import checked_now_ms
from protocols.units import QUANTA_PER_EUR, quanta_from_eur

DEFAULT_PROFILE: Final = "wallonia-card-2020"
_BALANCE_EUR: Final = "0.00"
_FACES_BALANCE_EUR: Final = "20.00"


def run_meter(
    meter: Name = None,
    card: CardFile = None,
    state: StateFile = None,
    pull_after_ms: PullAfterMs = None,
    home: Home = None,
    practice: Practice = PRACTICE_SEED,
    profile: ProfileName = DEFAULT_PROFILE,
    energy: EnergyName = Energy.ELECTRICITY,
    balance_eur: BalanceEur = None,
    load_w: LoadW = None,
    p1: P1Place = "",
    p1_fault: P1Fault = "",
    optical: OpticalPlace = "",
    optical_password: OpticalPassword = DEFAULT_PASSWORD,
    dlms: DlmsPlace = "",
    dlms_password: DlmsPassword = DEFAULT_DLMS_PASSWORD,
    dlms_keys: DlmsKeys = "",
    dlms_policy: DlmsPolicy = 3,
    console: ConsolePlace = "",
    firmware: FirmwareName = GUARDED,
    scenario: ScenarioFile = "",
    rate: Rate = 1.0,
    seed: Seed = 1,
    *,
    p1_amounts: P1Amounts = False,
    as_json: Json = False,
) -> int:
    """Run one meter with its faces, or let it serve a card.

    With a face, such as --p1, the meter runs until Ctrl-C, and the command prints where the faces are.
    Without one it catches up with the time, the card is written back into its file, and the command ends,
    with 1 where the card was not accepted. Between two commands a meter in a --state file has counted on
    by this machine's clock.
    """
    now_ms = checked_now_ms()
    faces = FaceOptions(
        p1=p1, p1_fault=p1_fault, p1_amounts=p1_amounts, optical=optical, optical_password=optical_password,
        dlms=dlms, dlms_password=dlms_password,
        dlms_keys=dlms_keys, dlms_policy=dlms_policy, console=console, scenario=scenario, rate=rate,
    )  # fmt: skip
    if faces.wanted:
        _refuse_with_faces({"--state": state, "--pull-after-ms": pull_after_ms})
        lone = LoneMeter(
            name=meter,
            firmware=read_firmware(LEGACY if profile == LEGACY else firmware),
            profile=profile_named(DEFAULT_PROFILE if profile == LEGACY else profile, _energy(energy)),
            balance_q=_balance_q(_FACES_BALANCE_EUR if balance_eur is None else balance_eur),
            load_w=load_w,
            seed=seed,
            card=card or "",
            home=home,
        )
        return serve_faces(faces, lone, now_ms, as_json=as_json)
    if meter is None:
        raise InputError("METER: missing; allowed: its name, or a face such as --p1 tcp:127.0.0.1:2000")
    options = VisitOptions(
        meter=read_name(meter, "METER"),
        card=card,
        state=state,
        pull_after_ms=pull_after_ms,
        home=home,
        practice=practice,
        profile=profile,
        energy=_energy(energy),
        balance_q=_balance_q(_BALANCE_EUR if balance_eur is None else balance_eur),
        load_w=load_w or 0,
    )
    return visit_once(options, now_ms, as_json=as_json)


def _refuse_with_faces(given: Mapping[str, object]) -> None:
    """Raises InputError for an option that a running meter has no use for."""
    for option, value in given.items():
        if value is not None:
            raise InputError(f"{option}: not together with faces; allowed: without a face and --scenario")


def _balance_q(text: str) -> int:
    try:
        balance_q = quanta_from_eur(text)
    except ValueError as error:
        raise InputError(f"--balance-eur: {error}") from None
    if abs(balance_q) > BALANCE_EUR_MAX * QUANTA_PER_EUR:
        raise InputError(f"--balance-eur: {text}; allowed: -{BALANCE_EUR_MAX} to {BALANCE_EUR_MAX}")
    return balance_q


def _energy(text: str) -> Energy:
    check_choice(text, [each.value for each in Energy], "--energy")
    return Energy(text)
