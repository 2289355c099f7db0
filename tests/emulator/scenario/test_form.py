"""What a right file says: defaults, expansion, order, and the model of each `do`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.firmware.events import ButtonName, DocumentChannel
from emulator.population.shipped import shipped_profiles
from emulator.scenario.form_events import READERS
from emulator.scenario.model import (
    CancelCutSpec,
    CardInSpec,
    CardOutSpec,
    CutCalendarSpec,
    DebtSpec,
    DeferralSpec,
    Do,
    EmergencyCreditSpec,
    FlagSpec,
    HoldSpec,
    IssuersSpec,
    KioskSpec,
    LiftHoldSpec,
    OvercurrentSpec,
    ParametersSpec,
    PressSpec,
    ProgrammedCutSpec,
    RebaseSpec,
    RefundSpec,
    ReleaseSpec,
    RtcLostSpec,
    SetClockSpec,
    SetLoadSpec,
    SetMainsSpec,
    ShortenHoldSpec,
    TariffSpec,
    TopUpSpec,
    WitnessSpec,
)
from protocols.documents.bodies import RegisterPrice, Switch
from protocols.instants import MINUTE_MS, iso_from_ms, ms_from_iso
from protocols.limits import DEBT_UEUR_MAX
from protocols.reasons import Energy, FlagName, PaymentMode, Source
from protocols.spans import Window
from protocols.units import QUANTA_PER_EUR
from tests.emulator.scenario.scenario_texts import HEAD, METERS, event, expectation, read

T1 = "2020-07-03T08:00:00+02:00"
T2 = "2020-07-03T23:01:00+02:00"
T1_MS, T2_MS = ms_from_iso(T1), ms_from_iso(T2)

DO_TABLE: list[tuple[str, Do]] = [
    (
        'do = "witness"\nsource = "headend"\noffset_s = 86400\nfresh = true',
        WitnessSpec(Source.HEADEND, 86_400_000, None, fresh=True, spread_ms=1_000),
    ),
    (
        f'do = "witness"\nsource = "card"\ntime = {T1}\nfresh = false\nspread_s = 60',
        WitnessSpec(Source.CARD, None, T1_MS, fresh=False, spread_ms=60_000),
    ),
    ('do = "set_clock"\noffset_s = -3600', SetClockSpec(-3_600_000, None)),
    (f'do = "set_clock"\ntime = {T1}', SetClockSpec(None, T1_MS)),
    ('do = "rtc_lost"', RtcLostSpec()),
    ('do = "mains_off"', SetMainsSpec(on=False)),
    ('do = "mains_on"', SetMainsSpec(on=True)),
    (f'do = "hold"\nid = "covid"\nfrom = {T1}\nuntil = {T2}', HoldSpec("covid", T1_MS, T2_MS, 1)),
    ('do = "lift_hold"\nid = "covid"', LiftHoldSpec("covid", 2)),
    ('do = "lift_hold"\nid = "covid"\nsignatures = 0', LiftHoldSpec("covid", 0)),
    (f'do = "shorten_hold"\nid = "covid"\nuntil = {T1}', ShortenHoldSpec("covid", T1_MS, 2)),
    (
        (
            f'do = "cut_calendar"\nrule = "weekdays 08:00-16:00"\nzone = "Europe/Brussels"\n'
            f'holidays = "BE"\nuntil = {T2}\nnames = ["covid"]'
        ),
        CutCalendarSpec(
            "weekdays 08:00-16:00",
            "Europe/Brussels",
            "BE",
            T2_MS,
            (Window(ms_from_iso("2020-07-03T08:00:00+02:00"), ms_from_iso("2020-07-03T16:00:00+02:00")),),
            ("covid",),
        ),
    ),
    (
        f'do = "programmed_cut"\nid = "d"\ntime = {T2}\nnot_before = {T1}\nnot_after = {T2}',
        ProgrammedCutSpec("d", T2_MS, T1_MS, T2_MS),
    ),
    ('do = "cancel_cut"\nid = "d"', CancelCutSpec("d")),
    (
        'do = "top_up"\nid = "p1"\neur = "20.00"\nchannel = "card"',
        TopUpSpec("p1", 20_000_000, DocumentChannel.CARD),
    ),
    (
        'do = "top_up"\nid = "p1"\neur = "20.00"\ncountersigned = true',
        TopUpSpec("p1", 20_000_000, DocumentChannel.MQTT, countersigned=True),
    ),
    ('do = "issuers"\neur_per_day = "500"', IssuersSpec(1, 500_000_000, 2)),
    (
        'do = "issuers"\nepoch = 3\neur_per_day = "0.5"\nsignatures = 1',
        IssuersSpec(3, 500_000, 1),
    ),
    (
        'do = "tariff"\neur_per_kwh = "0.30"\nfixed_eur_per_day = "0.24"',
        TariffSpec(300_000, 240_000),
    ),
    (
        """do = "tariff"
eur_per_kwh = "0.30"
fixed_eur_per_day = "0.24"
zone = "UTC"
holidays = "none"
until = 2020-07-04T00:00:00Z
registers = [
  { obis = "1-0:1.8.1", eur_per_kwh = "0.4", fixed_eur_per_day = "0", rule = "fri 08:00-09:00" },
]""",
        TariffSpec(
            300_000,
            240_000,
            (RegisterPrice("1-0:1.8.1", 400_000, 0),),
            (
                Switch(ms_from_iso("2020-07-03T08:00:00Z"), 1),
                Switch(ms_from_iso("2020-07-03T09:00:00Z"), 0),
            ),
        ),
    ),
    ('do = "debt"\neur = "9"', DebtSpec(9_000_000, None, DEBT_UEUR_MAX, DEBT_UEUR_MAX, 7)),
    (
        'do = "debt"\neur = "9"\nshare_permille = 350',
        DebtSpec(9_000_000, 350, DEBT_UEUR_MAX, DEBT_UEUR_MAX, 7),
    ),
    (
        (
            'do = "debt"\neur = "9"\nshare_permille = 1\npayment_cap_eur = "2"\nperiod_cap_eur = "3"\n'
            "period_days = 30"
        ),
        DebtSpec(9_000_000, 1, 2_000_000, 3_000_000, 30),
    ),
    (f'do = "parameters"\nmode = "credit"\nfrom = {T2}', ParametersSpec(T2_MS, PaymentMode.CREDIT, None)),
    ('do = "parameters"\nback_to = 2', ParametersSpec(ms_from_iso("2020-07-02T22:59:00+02:00"), None, 2)),
    (f'do = "deferral"\nid = "d"\nfrom = {T1}\nuntil = {T2}', DeferralSpec("d", T1_MS, T2_MS)),
    ('do = "refund"\neur = "9"', RefundSpec(9_000_000)),
    ('do = "release"', ReleaseSpec(72)),
    ('do = "release"\nhours = 24', ReleaseSpec(24)),
    ('do = "release"\nuntil = 2020-07-04T00:00:00+02:00', ReleaseSpec(72, 1_593_813_600_000)),
    ('do = "emergency_credit"', EmergencyCreditSpec()),
    ('do = "rebase"', RebaseSpec()),
    ('do = "button"\nname = "blue"', PressSpec(ButtonName.BLUE)),
    ('do = "flag"\nname = "medical"\nvalue = true', FlagSpec(FlagName.MEDICAL, value=True)),
    ('do = "set_load"\nload_w = 2000', SetLoadSpec(2_000)),
    ('do = "overcurrent"', OvercurrentSpec()),
    ('do = "card_in"', CardInSpec("", None)),
    ('do = "card_in"\ncard = "card.bin"\npull_after_ms = 1200', CardInSpec("card.bin", 1200)),
    ('do = "card_out"', CardOutSpec()),
    ('do = "kiosk"\nact = "read"\ncard = "card.bin"', KioskSpec("read", "", 0, "card.bin")),
    ('do = "kiosk"\nact = "topup"\nid = "k1"\neur = "20.50"', KioskSpec("topup", "k1", 20_500_000, "")),
    ('do = "kiosk"\nact = "reactivate"\nid = "c1"', KioskSpec("reactivate", "c1", 0, "")),
    ('do = "kiosk"\nact = "recover"', KioskSpec("recover", "", 0, "")),
]


@pytest.mark.parametrize(("arguments", "wanted"), DO_TABLE)
def test_each_do_is_read_with_its_arguments_and_defaults(arguments: str, wanted: Do) -> None:
    scenario = read(HEAD + METERS + event(arguments))
    assert [spec.do for spec in scenario.events] == [wanted]


def test_every_do_of_the_design_stands_in_the_table_above() -> None:
    assert {arguments.split('"')[1] for arguments, _ in DO_TABLE} == set(READERS)


def test_the_head_is_read_and_the_defaults_are_those_of_the_design() -> None:
    scenario = read(HEAD + METERS)
    assert (scenario.file, scenario.name) == ("night.toml", "a wrong date the evening before")
    assert scenario.start_ms == ms_from_iso("2020-07-02T20:00:00Z")
    assert scenario.end_ms == ms_from_iso("2020-07-04T10:00:00Z")
    assert (scenario.seed, scenario.events, scenario.expects) == (0, (), ())
    meter = scenario.meters[0]
    assert meter.profile == shipped_profiles()["wallonia-card-2020"].electricity
    assert (meter.load_w, meter.faults, meter.drift_ppm) == (0, (), 0)
    assert meter.balance_q == 1_234 * QUANTA_PER_EUR // 100


def test_a_count_makes_meters_numbered_from_one_and_a_star_means_all_of_them() -> None:
    scenario = read(HEAD + METERS + event('do = "rtc_lost"'))
    assert [meter.id for meter in scenario.meters] == ["m1", "old1", "old2"]
    assert scenario.events[0].meters == ("m1", "old1", "old2")


def test_a_household_load_is_left_to_the_seed() -> None:
    text = METERS.replace('id = "m1"', 'id = "m1"\nload = "household"')
    assert read(HEAD + text).meters[0].load_w is None


def test_gas_faults_and_drift_reach_the_meter() -> None:
    more = 'energy = "gas"\nprofile = "flanders-digital"\nfaults = ["leap_skip"]\ndrift_ppm = -20\n'
    meter = read(HEAD + METERS + more).meters[2]
    assert meter.profile.energy is Energy.GAS
    assert meter.profile.name == "flanders-digital"
    assert (meter.faults, meter.drift_ppm) == (("leap_skip",), -20)


def test_tables_may_stand_in_any_order() -> None:
    parts = [HEAD, METERS, event('do = "rtc_lost"'), expectation('supply = "on"')]
    assert read("".join(parts)) == read("".join(reversed(parts)))


def test_an_amount_in_an_expectation_keeps_its_decimals() -> None:
    scenario = read(
        HEAD + METERS + expectation('meters = ["m1"]\nbalance_eur = "-0.50"\ncuts = 0\ncode = ""')
    )
    assert scenario.expects[0].wanted == (("balance_eur", "-0.50"), ("code", ""), ("cuts", 0))
    assert scenario.expects[0].meters == ("m1",)


def test_a_programmed_cut_needs_what_the_meters_it_addresses_need() -> None:
    legacy = event(f'do = "programmed_cut"\nmeters = ["old1"]\nid = "d"\ntime = {T2}')
    guarded = event(f'do = "programmed_cut"\nmeters = ["m1"]\nid = "d"\nnot_before = {T1}\nnot_after = {T2}')
    cuts = [spec.do for spec in read(HEAD + METERS + legacy + guarded).events]
    assert cuts == [ProgrammedCutSpec("d", T2_MS, None, None), ProgrammedCutSpec("d", None, T1_MS, T2_MS)]


def test_the_same_payment_may_come_again_and_counts_once() -> None:
    again = event('do = "top_up"\nid = "p"\neur = "250.00"\nchannel = "mqtt"') * 2_000
    assert len(read(HEAD + METERS + again).events) == 2_000


def test_a_byte_order_mark_and_windows_line_ends_are_no_problem() -> None:
    text = HEAD + METERS
    assert read(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()) == read(text)


@given(minutes=st.lists(st.integers(0, 38 * 60), max_size=12))
def test_events_and_expectations_are_sorted_and_keep_file_order_at_equal_instants(minutes: list[int]) -> None:
    def at(minute: int) -> str:
        return iso_from_ms(ms_from_iso("2020-07-02T20:00:00Z") + minute * MINUTE_MS)

    events = "".join(f'[[events]]\nat = {at(minute)}\ndo = "rtc_lost"\n' for minute in minutes)
    expects = "".join(f"[[expect]]\nat = {at(minute)}\ncuts = 0\n" for minute in minutes)
    scenario = read(HEAD + METERS + events + expects)
    in_order = sorted(range(len(minutes)), key=minutes.__getitem__)
    assert [spec.index for spec in scenario.events] == in_order
    assert [spec.index for spec in scenario.expects] == in_order
    assert [spec.at_ms - scenario.start_ms for spec in scenario.events] == [
        minute * MINUTE_MS for minute in sorted(minutes)
    ]
