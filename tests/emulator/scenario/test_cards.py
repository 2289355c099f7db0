"""Cards and kiosks in scenario files: put in, pulled out, loaded; the meter's own, or one in a file."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardreader.card.card import SmartCard
from cardreader.card.factory import make_blank_card
from cardreader.card.store import Store, WholeMemory
from cardreader.channel.keys import generation_key, issuer_keys, kiosk_keys
from cardreader.files.layout import ORDERS, STATE, STATEMENTS, stored_as
from cardreader.files.meter_state import StateWord
from cardreader.host.transport import InProcess
from cardreader.issuing.kit import CardOrder, make_kit
from cardreader.issuing.personalising import personalise
from cardreader.issuing.practice import practice_key, practice_root, practice_signer
from cardreader.readers.virtual import VirtualCard
from emulator.cli.reading import read_files
from emulator.cli.run import _home_of
from emulator.firmware.legacy.defects.catalogue import CATALOGUE
from emulator.population.shipped import shipped_profiles
from emulator.scenario.commissioning import commission
from emulator.scenario.form import read_scenario
from emulator.scenario.player import Played, play
from protocols.documents import drafting
from protocols.documents.envelope import seal
from protocols.documents.orders import ORDER_TYPE, write_document
from protocols.documents.roles import ROOT_TYPE, write_root
from protocols.errors import InputError
from protocols.instants import ms_from_iso
from protocols.link.keys import meter_key
from protocols.link.proofs import Proof
from protocols.reasons import Energy
from tests.cardreader.one_card import session

HEAD = """
[scenario]
name = "cards"
start = 2020-07-02T20:00:00Z
end = 2020-07-03T20:00:00Z
seed = 7
"""
GUARDED = '\n[[meters]]\nid = "m1"\nfirmware = "guarded"\nbalance_eur = "1.00"\n'
LEGACY = '\n[[meters]]\nid = "m1"\nfirmware = "legacy-2020"\nbalance_eur = "1.00"\n'
SERIAL = bytes.fromhex("a1a2a3a4a5a6a7a8")


def event(second: int, text: str) -> str:
    minute, second = divmod(second, 60)
    return f"\n[[events]]\nat = 2020-07-02T21:{minute:02}:{second:02}Z\n{text}\n"


def expect(second: int, text: str) -> str:
    minute, second = divmod(second, 60)
    return f"\n[[expect]]\nat = 2020-07-02T21:{minute:02}:{second:02}Z\n{text}\n"


def run(text: str, file: str = "cards.toml") -> Played:
    return play(read_scenario(text, file, shipped_profiles(), CATALOGUE), commission)


def failed(played: Played) -> list[str]:
    return [f"{each.item.fields['key']}: {each.item.fields['found']}" for each in played.failures]


def practice_card(path: Path, meter: str = "m1", seed: str = "7", epoch: int = 1) -> Path:
    """As `relance-kiosk issue --practice SEED` makes it."""
    return new_card(path, practice_key(seed), meter, epoch)


def new_card(path: Path, key: bytes, meter: str = "m1", epoch: int = 1) -> Path:
    memory = WholeMemory()
    make_blank_card(memory, SERIAL, issuer_keys(key, SERIAL))
    kit = make_kit(key, CardOrder(SERIAL, Energy.ELECTRICITY, meter, epoch, "", 1), 0)
    personalise(InProcess(SmartCard(memory)), kit, b"8 bytes!", "office", 0)
    VirtualCard.create(path, memory)
    return path


TOP_UP = 'do = "kiosk"\nact = "topup"\nid = "p1"\neur = "20"'


def test_a_top_up_goes_from_the_kiosk_over_the_card_to_the_meter() -> None:
    played = run(
        HEAD
        + GUARDED
        + event(0, 'do = "card_in"')
        + expect(59, 'code = "9"\nbalance_eur = "1.00"')
        + event(60, 'do = "card_out"')
        + event(120, TOP_UP)
        + expect(121, 'balance_eur = "1.00"')
        + event(180, 'do = "card_in"')
        + expect(181, 'balance_eur = "1.00"')
        + expect(240, 'balance_eur = "21.00"\ncode = "9"')
    )
    assert failed(played) == []


def test_a_visit_takes_some_seconds_as_people_remember_it() -> None:
    """Before the last command of a visit there is no code 9."""
    played = run(HEAD + GUARDED + event(0, TOP_UP) + event(10, 'do = "card_in"'))
    screens = [each for each in played.items if each.event == "screen" and each.fields["code"] == "9"]
    began = next(
        each.true_ms for each in played.items if each.event == "input" and each.fields["do"] == "card_in"
    )
    assert [3_000 <= each.true_ms - began <= 10_000 for each in screens] == [True]


@given(pulls=st.lists(st.integers(0, 9_000), max_size=5))
def test_a_card_torn_at_any_instants_loses_and_makes_no_cent(pulls: list[int]) -> None:
    text = HEAD + GUARDED + event(0, TOP_UP)
    for number, pull_after_ms in enumerate(pulls):
        text += event(60 + 60 * number, f'do = "card_in"\npull_after_ms = {pull_after_ms}')
    at = 60 + 60 * len(pulls)
    text += event(at, 'do = "card_in"') + expect(at + 59, 'balance_eur = "21.00"\ncode = "9"')
    assert failed(run(text)) == []


def test_a_card_that_is_taken_out_at_once_has_brought_nothing() -> None:
    played = run(
        HEAD
        + GUARDED
        + event(0, TOP_UP)
        + event(60, 'do = "card_in"')
        + event(61, 'do = "card_out"')
        + expect(90, 'balance_eur = "1.00"\ncode = ""')
    )
    assert failed(played) == []


def test_the_second_card_pass_cancels_a_programmed_cut_of_both_firmwares() -> None:
    for meters, cut in (
        (GUARDED, "not_before = 2020-07-02T22:00:00Z\nnot_after = 2020-07-03T10:00:00Z"),
        (LEGACY, "time = 2020-07-02T22:00:00Z"),
    ):
        calendar = 'do = "cut_calendar"\nrule = "daily 00:00-24:00"\nzone = "Europe/Brussels"\n'
        permit = (
            event(0, calendar + 'holidays = "none"\nuntil = 2020-07-04T00:00:00Z')
            if meters is GUARDED
            else ""
        )
        text = HEAD + meters + permit + event(1, f'do = "programmed_cut"\nid = "c1"\n{cut}')
        after = '\n[[expect]]\nat = 2020-07-03T15:00:00Z\nsupply = "{}"\n'
        assert failed(run(text + after.format("off"))) == []
        cancelled = event(60, 'do = "kiosk"\nact = "reactivate"\nid = "c1"')
        assert failed(run(text + cancelled + after.format("off"))) == [], "the card is still at the kiosk"
        passed = cancelled + event(120, 'do = "card_in"') + after.format("on")
        assert failed(run(text + passed)) == []


def test_a_card_meter_of_2020_answers_nine_eight_and_restarts_with_the_recovery_card() -> None:
    """The night of July 2020: cut at a date, an ordinary card is answered 8, the recovery card restarts."""
    played = run(
        HEAD
        + LEGACY
        + event(0, 'do = "card_in"')
        + expect(4, 'code = ""')
        + expect(11, 'code = "9"')
        + event(20, 'do = "programmed_cut"\nid = "c1"\ntime = 2020-07-02T21:01:00Z')
        + expect(70, 'supply = "off"\nreason = "programmed_cut"')
        + event(80, TOP_UP)
        + event(90, 'do = "card_in"')
        + expect(101, 'code = "8"\nsupply = "off"\nbalance_eur = "21.00"')
        + event(120, 'do = "kiosk"\nact = "recover"')
        + event(130, 'do = "card_in"\npull_after_ms = 4000')
        + expect(150, 'supply = "off"\ncode = "8"')
        + event(160, 'do = "card_in"')
        + event(163, 'do = "card_out"')
        + expect(175, 'supply = "off"')
        + event(180, 'do = "card_in"')
        + expect(191, 'supply = "on"\ncode = "9"\nreason = "release"')
    )
    assert failed(played) == []


def test_a_recovery_card_brings_a_guarded_household_back_in_the_same_night() -> None:
    poor = GUARDED.replace("1.00", "0")
    calendar = (
        'do = "cut_calendar"\nrule = "daily 00:00-24:00"\nzone = "Europe/Brussels"\nholidays = "none"\n'
    )
    played = run(
        HEAD
        + poor
        + event(0, calendar + "until = 2020-07-04T00:00:00Z")
        + '\n[[expect]]\nat = 2020-07-02T23:30:00Z\nsupply = "off"\n'
        + '\n[[events]]\nat = 2020-07-03T01:00:00Z\ndo = "kiosk"\nact = "recover"\n'
        + '\n[[events]]\nat = 2020-07-03T02:00:00Z\ndo = "card_in"\n'
        + '\n[[expect]]\nat = 2020-07-03T02:01:00Z\nsupply = "on"\nreason = "release"\ncode = "9"\n'
    )
    assert failed(played) == []


def test_after_lost_ticks_two_passes_over_a_kiosk_bound_the_clock_again() -> None:
    played = run(
        HEAD
        + GUARDED
        + event(0, 'do = "rtc_lost"')
        + event(60, 'do = "card_in"')
        + expect(119, 'clock = "lost"')
        + event(120, 'do = "kiosk"\nact = "read"')
        + expect(179, 'clock = "lost"')
        + event(180, 'do = "card_in"')
        + expect(239, 'clock = "trusted"')
    )
    assert failed(played) == []


def test_whoever_goes_to_a_kiosk_in_the_middle_of_a_visit_takes_the_card_along() -> None:
    played = run(
        HEAD
        + GUARDED
        + event(0, TOP_UP)
        + event(10, 'do = "card_in"')
        + event(11, 'do = "kiosk"\nact = "read"')
        + expect(40, 'balance_eur = "1.00"\ncode = ""')
        + event(60, 'do = "card_in"')
        + expect(80, 'balance_eur = "21.00"\ncode = "9"')
    )
    assert failed(played) == []


# -- a card in a file -----------------------------------------------------------------------------------


def test_the_file_of_a_card_holds_what_kiosk_and_meter_have_written(tmp_path: Path) -> None:
    practice_card(tmp_path / "card.bin")
    file = str(tmp_path / "cards.toml")
    card = 'card = "card.bin"'
    text = HEAD + GUARDED + event(0, f"{TOP_UP}\n{card}") + event(60, f'do = "card_in"\n{card}')
    assert failed(run(text + expect(119, 'balance_eur = "21.00"\ncode = "9"'), file)) == []
    with VirtualCard(tmp_path / "card.bin") as there:
        store = Store(there.memory)
        word = StateWord.decode(store.read(stored_as(STATE)))
        assert store.read(stored_as(STATEMENTS[0]))
        assert not store.read(stored_as(ORDERS[0]))
    assert word.proof(meter_key(practice_key("7"), "m1")) is Proof.AUTHENTIC
    assert word.state is not None
    assert [each.total_ueur for each in word.state.totals] == [20_000_000]


def test_a_card_that_is_still_in_the_slot_at_the_end_is_free_again(tmp_path: Path) -> None:
    practice_card(tmp_path / "card.bin")
    text = HEAD + GUARDED + '\n[[events]]\nat = 2020-07-03T20:00:00Z\ndo = "card_in"\ncard = "card.bin"\n'
    run(text, str(tmp_path / "cards.toml"))
    with VirtualCard(tmp_path / "card.bin"):
        pass


def test_the_card_of_another_meter_is_refused_by_the_meter_and_served_by_the_kiosk(tmp_path: Path) -> None:
    practice_card(tmp_path / "card.bin", meter="m2")
    card = 'card = "card.bin"'
    text = HEAD + GUARDED + event(0, f"{TOP_UP}\n{card}") + event(60, f'do = "card_in"\n{card}')
    played = run(text + expect(119, 'balance_eur = "1.00"\ncode = ""'), str(tmp_path / "cards.toml"))
    assert failed(played) == []
    texts = [each.fields["text"] for each in played.items if each.event == "screen"]
    assert texts == ["not the card of this meter"]


@pytest.mark.parametrize("do", ['do = "card_in"', TOP_UP])
def test_a_file_that_is_no_card_is_named_before_anything_is_played(do: str, tmp_path: Path) -> None:
    text = HEAD + GUARDED + event(0, f'{do}\ncard = "none.bin"')
    with pytest.raises(InputError, match=r"cards\.toml: events\[0\]\.card: .*none\.bin: no such file"):
        run(text, str(tmp_path / "cards.toml"))


def test_what_no_meter_has_read_is_not_taken_away_and_what_does_not_fit_is_said() -> None:
    """Each recovery takes a slot of its own; the card has eight for orders."""
    recoveries = "".join(event(60 * each, 'do = "kiosk"\nact = "recover"') for each in range(8))
    ninth = event(700, 'do = "kiosk"\nact = "recover"')
    with pytest.raises(InputError, match=r"events\[8\]: no kiosk serves .*: 1 documents do not fit: no_slot"):
        run(HEAD + GUARDED + recoveries + ninth)
    run(HEAD + GUARDED + recoveries + event(600, 'do = "card_in"') + ninth)


def test_a_card_of_another_seed_is_served_by_no_kiosk_and_the_event_is_named(tmp_path: Path) -> None:
    practice_card(tmp_path / "card.bin", seed="8")
    text = HEAD + GUARDED + event(0, f'{TOP_UP}\ncard = "card.bin"')
    with pytest.raises(InputError, match=r"events\[0\]: no kiosk serves this card of m1"):
        run(text, str(tmp_path / "cards.toml"))


@pytest.mark.parametrize(
    ("argument", "problem"),
    [
        ('act = "topup"\nid = "p"\neur = "4.99"', '"4.99"; allowed: from 5 to 250 euro at a kiosk'),
        ('act = "topup"\nid = "p"\neur = "250.01"', 'eur: "250.01"; allowed: money'),
        ('act = "topup"\nid = "p"', "eur: missing"),
        ('act = "reactivate"', "id: missing"),
        ('act = "recover"\nid = "x"', "id: unknown key"),
        ('act = "pay"', 'act: "pay"; allowed: read, topup, reactivate, recover'),
    ],
)
def test_what_a_kiosk_cannot_do_is_refused_with_what_it_can(argument: str, problem: str) -> None:
    with pytest.raises(InputError, match=r"^cards\.toml: ") as caught:
        run(HEAD + GUARDED + event(0, f'do = "kiosk"\n{argument}'))
    assert problem in str(caught.value)


def test_a_meter_without_cards_has_the_keys_that_it_had() -> None:
    """Kept recordings depend on them: only a file with cards gives meters the keys of a fleet."""
    scenario = read_scenario(HEAD + GUARDED, "a.toml", shipped_profiles(), CATALOGUE)
    assert not scenario.uses_cards
    with_card = read_scenario(
        HEAD + GUARDED + event(0, 'do = "card_out"'), "a.toml", shipped_profiles(), CATALOGUE
    )
    assert with_card.uses_cards
    assert dataclasses.replace(with_card, events=()) == scenario


# -- a home ---------------------------------------------------------------------------------------------


FLEET_KEY = bytes(range(32))
HOME = HEAD.replace("seed = 7", 'home = "home"')


def make_home(folder: Path) -> None:
    """A home of people whose seed the scenario does not know."""
    (folder / "home").mkdir()
    root = practice_root("somebody", ms_from_iso("2021-01-01T00:00:00Z"))
    signers = [practice_signer("somebody", holder) for holder in ("rita", "sami")]
    (folder / "home/root.json").write_bytes(seal(write_root(root), ROOT_TYPE, signers))
    (folder / "home/fleet.key").write_text(FLEET_KEY.hex())


def test_the_meters_of_a_home_obey_its_people_on_its_cards(tmp_path: Path) -> None:
    make_home(tmp_path)
    new_card(tmp_path / "card.bin", FLEET_KEY)
    at_ms = ms_from_iso("2020-07-02T20:00:00Z")
    order = drafting.payment_statement(drafting.Sheet("o1", 1, at_ms, "test"), "m1", "office", 1, 20_000_000)
    for signer, eur in (("somebody", "21.00"), ("7", "1.00"), ("0", "1.00")):
        statement = seal(write_document(order), ORDER_TYPE, [practice_signer(signer, "anna")])
        with VirtualCard(tmp_path / "card.bin") as card:
            kiosk = session(card, kiosk_keys(generation_key(FLEET_KEY, 1), 1, SERIAL))
            kiosk.write(STATEMENTS[0], statement)
            kiosk.commit()
        (tmp_path / "cards.toml").write_text(
            HOME
            + GUARDED
            + event(0, 'do = "card_in"\ncard = "card.bin"')
            + expect(59, f'balance_eur = "{eur}"')
        )
        (scenario,) = read_files([str(tmp_path / "cards.toml")])
        home = _home_of(scenario)
        assert home is not None
        assert failed(play(scenario, commission, home=home)) == []


def test_what_needs_a_signature_is_refused_in_a_file_with_a_home() -> None:
    for do in (TOP_UP, 'do = "release"', 'do = "witness"\nsource = "headend"\noffset_s = 0'):
        with pytest.raises(InputError, match=r"events\[0\]\.do: .*allowed: with scenario\.home: set_clock"):
            run(HOME + GUARDED + event(0, do))


def test_a_kiosks_home_is_refused_since_it_has_no_key_of_any_meter(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "kiosk.json").write_text("{}")
    (tmp_path / "cards.toml").write_text(HOME + GUARDED)
    (scenario,) = read_files([str(tmp_path / "cards.toml")])
    with pytest.raises(
        InputError, match=r"scenario\.home: .*home: a kiosk's home, .*allowed: a controller's"
    ):
        _home_of(scenario)


def test_a_home_that_is_not_there_is_named_before_anything_is_played(tmp_path: Path) -> None:
    (tmp_path / "cards.toml").write_text(HOME + GUARDED)
    (scenario,) = read_files([str(tmp_path / "cards.toml")])
    with pytest.raises(InputError, match=r"cards\.toml: scenario\.home: .*home/root\.json"):
        _home_of(scenario)
