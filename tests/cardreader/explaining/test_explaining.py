"""What a card means: the code, the step that is missing, and what each person does about it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from cardreader.explaining.call_code import CallFacts, call_code, read_call_code
from cardreader.explaining.explanation import CardKind, CardStep, ClockView, CodeMeaning, Explanation
from cardreader.explaining.rules import WINDOW_LONGEST_MS, explain, explain_unserved
from cardreader.explaining.telling import tell
from cardreader.files.documents import Words
from cardreader.files.identity import CardIdentity, CardState, Pairing
from cardreader.files.layout import ORDERS, STATEMENTS, CardFile
from cardreader.files.meter_state import CutTold, MeterState, StateWord, state_word
from cardreader.loading.contents import CardContents
from protocols.cutting.zones import load_zone
from protocols.documents import drafting
from protocols.documents.envelope import Signer, document_digest, seal
from protocols.documents.orders import ORDER_TYPE, Order, write_document
from protocols.errors import InputError
from protocols.languages.card_messages import CardMessage
from protocols.languages.card_sentences import card_sentence, picture_text
from protocols.languages.catalogue import Sentences
from protocols.link.messages import Receipt, StatementHeld, write_report
from protocols.reasons import ClockStatus, Energy, Language, OrderVerdict, Supply, SupplyReason
from tests.cardreader.one_card import METER, NOW_MS, SERIAL

KEY = b"k" * 32
ZONE = load_zone("Europe/Brussels")
SHEET = drafting.Sheet("o1", 1, NOW_MS, "basis")
SAID = MeterState(
    card=SERIAL.hex(),
    pairing=1,
    meter=METER,
    epoch=7,
    number=1,
    time_ms=NOW_MS,
    energy_wh=0,
    balance_ueur=12_340_000,
    emergency_ueur=0,
    supply=Supply.ON,
    reason=SupplyReason.NONE,
    code="9",
    clock=ClockStatus.TRUSTED,
    earliest_ms=NOW_MS,
    latest_ms=NOW_MS + 1000,
    journal=1,
    journal_hash="a" * 64,
    totals=(StatementHeld("office-1", 1, 20_000_000),),
)
CUT = changed(SAID, supply=Supply.OFF, reason=SupplyReason.PROGRAMMED_CUT, code="8")


def signed(order: Order) -> bytes:
    return seal(write_document(order), ORDER_TYPE, [Signer.from_seed(bytes(32))])


def paid(total_ueur: int, epoch: int = 0) -> bytes:
    return signed(drafting.payment_statement(SHEET, METER, "office-1", 2, total_ueur, epoch=epoch))


CANCELLATION = signed(drafting.cancel_cut(SHEET, "c1", (METER,)))


def answer(document: bytes, verdict: OrderVerdict) -> bytes:
    receipt = Receipt(
        meter=METER,
        order="o1",
        kind="cancel_cut",
        object="cut/c1",
        rev=1,
        verdict=verdict,
        reason="stored",
        number=1,
        document=document_digest(document),
    )
    return write_report(receipt, KEY)


def card(
    state: MeterState | None = SAID,
    documents: dict[CardFile, bytes] | None = None,
    *proofs: bytes,
    energy: Energy = Energy.ELECTRICITY,
) -> CardContents:
    return CardContents(
        CardIdentity(SERIAL, energy),
        Pairing(CardState.PAIRED, 1, METER),
        documents or {},
        StateWord() if state is None else state_word(state, KEY),
        Words(),
        Words(),
        Words(proofs),
        (),
        (),
    )


def messages(told: Explanation) -> list[str]:
    return [
        *(each.message for each in told.facts),
        *(each.message for each in (*told.household, *told.clerk)),
    ]


@pytest.mark.parametrize(
    ("found", "step"),
    [
        (card(None), CardStep.HOME),
        (card(None, {STATEMENTS[0]: paid(5)}), CardStep.HOME_AGAIN),
        (card(SAID), CardStep.NONE),
        (card(SAID, {STATEMENTS[0]: paid(20_000_000)}), CardStep.NONE),
        (card(SAID, {STATEMENTS[0]: paid(20_000_001)}), CardStep.HOME_AGAIN),
        (card(CUT), CardStep.KIOSK),
        (card(CUT, {ORDERS[0]: CANCELLATION}), CardStep.HOME_AGAIN),
        (card(CUT, {ORDERS[0]: CANCELLATION}, answer(CANCELLATION, OrderVerdict.ACCEPTED)), CardStep.KIOSK),
        (card(changed(SAID, code="8")), CardStep.KIOSK),
        (card(changed(SAID, supply=Supply.OFF, reason=SupplyReason.CREDIT)), CardStep.KIOSK),
        (card(changed(SAID, supply=Supply.OFF, reason=SupplyReason.SAFETY)), CardStep.NONE),
        (card(changed(SAID, supply=Supply.ARMED, reason=SupplyReason.TOP_UP)), CardStep.NONE),
    ],
)
def test_the_missing_step_follows_from_the_card_alone(found: CardContents, step: CardStep) -> None:
    assert explain(found).step is step


@pytest.mark.parametrize(
    ("documents", "proofs", "message", "clerk"),
    [
        ({}, (), "cancellation_absent", ["write_recovery", "write_cancellation"]),
        ({ORDERS[0]: CANCELLATION}, (), "cancellation_waits", []),
        (
            {ORDERS[0]: CANCELLATION},
            (answer(CANCELLATION, OrderVerdict.ACCEPTED),),
            "cancellation_seen",
            ["write_recovery"],
        ),
        (
            {ORDERS[0]: CANCELLATION},
            (answer(CANCELLATION, OrderVerdict.REFUSED),),
            "cancellation_refused",
            ["write_recovery"],
        ),
    ],
)
def test_an_8_tells_the_cut_the_meters_date_and_whether_it_saw_the_cancellation(
    documents: dict[CardFile, bytes], proofs: tuple[bytes, ...], message: str, clerk: list[str]
) -> None:
    told = explain(card(CUT, documents, *proofs))
    said = messages(told)
    assert said[:3] == ["code_not_relanced", "cut_was_programmed", message]
    assert next(each.at_ms for each in told.facts if each.message == "said_at") == NOW_MS
    assert [each.message for each in told.clerk] == clerk


PLANNED = changed(SAID, cuts=(CutTold(object="cut/c1", from_ms=NOW_MS + 1, until_ms=NOW_MS + 2),))
BY_ORDER = changed(
    SAID,
    supply=Supply.OFF,
    reason=SupplyReason.CUT_ORDER,
    cuts=(CutTold(object="cut/c1", from_ms=NOW_MS - 2, until_ms=NOW_MS, is_done=True),),
)


@pytest.mark.parametrize(
    ("state", "documents", "step", "facts", "clerk"),
    [
        (PLANNED, {}, CardStep.KIOSK, ["cut_planned"], ["cancel_planned"]),
        (
            PLANNED,
            {ORDERS[0]: CANCELLATION},
            CardStep.HOME_AGAIN,
            ["cut_planned", "this_cancellation_waits"],
            [],
        ),
        (BY_ORDER, {}, CardStep.KIOSK, ["cut_carried_out"], ["write_recovery", "write_cancellation"]),
        (changed(PLANNED, cuts=()), {}, CardStep.NONE, [], []),
    ],
)
def test_the_evening_of_2_july_names_the_cut_with_its_time_and_the_clerks_step(
    state: MeterState, documents: dict[CardFile, bytes], step: CardStep, facts: list[str], clerk: list[str]
) -> None:
    told = explain(card(state, documents))
    assert told.step is step
    assert [each.message for each in told.facts if each.code == "c1"] == facts
    assert [each.message for each in told.clerk] == clerk
    for each in told.facts:
        if each.message in ("cut_planned", "cut_carried_out"):
            assert isinstance(state.cuts, tuple)
            assert (each.at_ms, each.until_ms) == (state.cuts[0].from_ms, state.cuts[0].until_ms)


def test_a_payment_that_the_meter_has_refused_leaves_the_second_step_missing() -> None:
    document = paid(20_000_001)
    refused = explain(card(SAID, {STATEMENTS[0]: document}, answer(document, OrderVerdict.REFUSED)))
    assert (refused.step, refused.code) == (CardStep.KIOSK, CodeMeaning.ACCEPTED)
    assert "payment_refused" in messages(refused)
    assert [each.message for each in refused.clerk] == ["ask_office"]
    credited = paid(20_000_000)
    later = explain(card(SAID, {STATEMENTS[0]: credited}, answer(credited, OrderVerdict.REFUSED)))
    assert later.step is CardStep.NONE


def test_a_card_that_no_meter_has_read_sends_nobody_on_a_second_way() -> None:
    new, paid_for = explain(card(None)), explain(card(None, {STATEMENTS[0]: paid(5)}))
    assert [each.message for each in new.household] == ["put_card_in", "wait_for_nine", "call_us"]
    assert [each.message for each in new.clerk] == ["write_at_once"]
    assert "step_home_written" in messages(paid_for), "nothing is said to be done again"


def test_of_a_replaced_card_both_are_told_of_the_newer_one() -> None:
    told = explain_unserved(CardKind.REPLACED)
    assert messages(told) == ["replaced", "use_newer_card", "ask_newer_card"]


def test_what_is_not_the_meters_own_word_is_said_first() -> None:
    assert messages(explain(card(), is_forged=True))[0] == "not_its_meters"
    assert "not_its_meters" not in messages(explain(card()))


@pytest.mark.parametrize("other", [{"card": "00" * 8}, {"meter": "m2"}, {"pairing": 2}])
def test_a_word_that_was_said_to_another_card_needs_no_key_to_be_seen(other: dict[str, object]) -> None:
    assert messages(explain(card(changed(SAID, **other))))[0] == "not_its_meters"


@pytest.mark.parametrize("language", Language)
def test_advice_names_an_act_as_its_button_does(language: Language) -> None:
    sentences = Sentences(language)
    for message, button in (
        (CardMessage.WRITE_RECOVERY, "Supply back by card"),
        (CardMessage.CANCEL_PLANNED, "Cancel a planned cut"),
        (CardMessage.WRITE_CANCELLATION, "Cancel a planned cut"),
    ):
        assert sentences.say(button) in card_sentence(sentences, message, ZONE)


@given(code=st.text(max_size=40).filter(lambda each: each not in ("", "8", "9", "triangle")))
def test_no_other_sign_gets_a_meaning(code: str) -> None:
    told = explain(card(changed(SAID, code=code)))
    assert told.code is CodeMeaning.UNKNOWN
    shown = next(each.code for each in told.facts if each.message == "code_unknown")
    assert shown is not None
    assert shown.isprintable() or not shown
    assert len(shown) <= 16


@given(width_ms=st.integers(0, 2 * WINDOW_LONGEST_MS))
def test_a_clock_is_too_wide_when_no_window_holds_its_interval(width_ms: int) -> None:
    told = explain(card(changed(SAID, latest_ms=NOW_MS + width_ms)))
    assert told.clock is (ClockView.TOO_WIDE if width_ms > WINDOW_LONGEST_MS else ClockView.TRUSTED)


@pytest.mark.parametrize(
    ("status", "latest_ms", "view"),
    [
        (ClockStatus.TRUSTED, None, ClockView.TOO_WIDE),
        (ClockStatus.DISPUTED, NOW_MS, ClockView.DISPUTED),
        (ClockStatus.LOST, None, ClockView.LOST),
    ],
)
def test_what_the_meter_knows_of_the_time(status: ClockStatus, latest_ms: int, view: ClockView) -> None:
    assert explain(card(changed(SAID, clock=status, latest_ms=latest_ms))).clock is view


@given(total_ueur=st.integers(0, 10**9), credited_ueur=st.integers(0, 10**9))
def test_what_is_on_its_way_is_what_was_paid_less_what_the_meter_credited(
    total_ueur: int, credited_ueur: int
) -> None:
    state = changed(SAID, totals=(StatementHeld("office-1", 1, credited_ueur),))
    told = explain(card(state, {STATEMENTS[0]: paid(total_ueur)}))
    assert told.waiting_ueur == max(0, total_ueur - credited_ueur)


EPOCHS = st.dictionaries(st.integers(1, 3), st.integers(0, 10**9), max_size=2)


@given(held=EPOCHS, epoch=st.integers(1, 3), total_ueur=st.integers(1, 10**9))
def test_each_epoch_of_an_issuer_counts_from_zero(held: dict[int, int], epoch: int, total_ueur: int) -> None:
    """What the meter holds of another epoch takes nothing off what is on its way."""
    state = changed(
        SAID, totals=tuple(StatementHeld("office-1", 1, total, each) for each, total in sorted(held.items()))
    )
    told = explain(card(state, {STATEMENTS[0]: paid(total_ueur, epoch)}))
    credited_ueur = held.get(epoch, 0)
    is_closed = any(each > epoch for each in held)
    if credited_ueur >= total_ueur:
        assert told.waiting_ueur == 0
    else:
        assert told.waiting_ueur == (None if is_closed else total_ueur - credited_ueur)


def test_of_a_first_payment_on_a_new_card_no_sum_is_said() -> None:
    told = explain(card(None, {STATEMENTS[0]: paid(20_000_000)}))
    assert told.waiting_ueur is None
    assert "payment_waits" in messages(told)


def test_gas_and_electricity_come_back_in_their_own_ways() -> None:
    off = changed(SAID, supply=Supply.ARMED)
    power, gas = (messages(explain(card(off, energy=each))) for each in Energy)
    assert "press_red" in power
    assert "press_blue" not in power
    assert gas.index("close_appliances") < gas.index("press_blue")
    assert "press_red" not in gas


@pytest.mark.parametrize(
    ("pairing", "epoch_known", "kind"),
    [
        (Pairing(CardState.VIRGIN), 0, CardKind.VIRGIN),
        (Pairing(CardState.BLOCKED, 1, METER), 0, CardKind.BLOCKED),
        (Pairing(CardState.PAIRED, 1, METER), 2, CardKind.REPLACED),
        (Pairing(CardState.PAIRED, 2, METER), 2, CardKind.OURS),
        (None, 0, CardKind.DAMAGED),
    ],
)
def test_a_card_with_which_nobody_is_served_says_why(
    pairing: Pairing | None, epoch_known: int, kind: CardKind
) -> None:
    told = explain(replace(card(), pairing=pairing), epoch_known)
    assert told.card is kind
    if kind is not CardKind.OURS:
        assert told == explain_unserved(kind)
        assert told.facts[0].message.value == kind.value


ANY = st.builds(
    Explanation,
    card=st.sampled_from(CardKind),
    code=st.sampled_from(CodeMeaning),
    supply=st.none() | st.sampled_from(Supply),
    clock=st.sampled_from(ClockView),
    step=st.sampled_from(CardStep),
)


@given(told=ANY)
def test_the_call_centre_reads_back_what_the_number_says(told: Explanation) -> None:
    facts = CallFacts(told.card, told.code, told.supply, told.clock, told.step)
    assert read_call_code(call_code(told)) == facts
    assert read_call_code(f" {call_code(told)[:3]}-{call_code(told)[3:]} ") == facts


@given(told=ANY, place=st.integers(0, 5), digit=st.integers(0, 9))
def test_one_digit_that_was_misheard_is_seen(told: Explanation, place: int, digit: int) -> None:
    code = call_code(told)
    heard = f"{code[:place]}{digit}{code[place + 1 :]}"
    if heard == code:
        assert read_call_code(heard)
    else:
        with pytest.raises(InputError, match="no number of a kiosk; allowed: 6 digits"):
            read_call_code(heard)


@pytest.mark.parametrize(
    "text", ["", "12345", "1234567", "abcdef", "\uff11\uff10\uff10\uff10\uff11\uff16", "000000"]
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        read_call_code(text)


@pytest.mark.parametrize("language", Language)
def test_every_message_has_a_sentence_in_every_language_and_no_value_is_missing(language: Language) -> None:
    sentences = Sentences(language)
    said = [card_sentence(sentences, each, ZONE, sum_ueur=1, at_ms=NOW_MS, code="7") for each in CardMessage]
    assert len(set(said)) == len(said)
    assert not [each for each in said if "{" in each]
    for action in explain(card(CUT)).household:
        assert picture_text(sentences, action.picture)


def test_an_8_in_four_languages() -> None:
    found = {each: tell(explain(card(CUT)), each, ZONE) for each in Language}
    assert {each: told.facts[0].text[:50] for each, told in found.items()} == {
        Language.FRENCH: "Code 8 : le compteur refuse de se remettre en marc",
        Language.DUTCH: "Code 8: de meter weigert opnieuw in te schakelen. ",
        Language.GERMAN: "Code 8: Der Zähler weigert sich, wieder einzuschal",
        Language.ENGLISH: "Code 8: the meter refuses to switch on. That is no",
    }
    assert {each.code for each in found.values()} == {"182121"}
    assert CardMessage.CALL_US in [each.message for each in found[Language.FRENCH].household]
