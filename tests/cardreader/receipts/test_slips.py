"""Receipts: 42 columns of a printer's characters in every language, pages that stand alone, itemised sums."""

from html import escape

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cardreader.kiosk.facts import ReceiptFacts, ReceiptKind
from cardreader.kiosk.receiving import repaid_first_ueur
from cardreader.receipts.page import html_of, pdf_of
from cardreader.receipts.slip import slip_of
from cardreader.receipts.text import COLUMNS, text_of
from protocols.documents.till_receipts import PaymentMeans
from protocols.languages.card_messages import CardMessage
from protocols.languages.catalogue import Sentences
from protocols.reasons import Energy, Language

THURSDAY_MS = 1_593_720_060_000  # 2 July 2020, 22:01 in Namur
FACTS = ReceiptFacts(
    kind=ReceiptKind.PAYMENT,
    at_ms=THURSDAY_MS,
    kiosk="kiosk-1",
    office="Namur <Gare>",
    zone="Europe/Brussels",
    language=Language.FRENCH,
    practice=False,
    clerk="anna",
    shift=3,
    card="0102030405060708",
    meter="m00042",
    reference="5414000000042",
    payment="p1",
    means=PaymentMeans.CASH,
    amount_ueur=150_000_000,
    number=2,
    total_ueur=445_000_000,
    balance_ueur=-1_200_000,
    emergency_owed_ueur=10_000_000,
    debt_owed_ueur=295_000_000,
)


def test_a_payment_says_where_the_money_goes() -> None:
    slip = slip_of(FACTS, 7, Sentences(Language.ENGLISH))
    assert [(each.label, each.value.replace("\xa0", " ")) for each in slip.lines][-5:] == [
        ("Paid in cash", "€150.00"),
        ("All payments here for this meter", "€445.00"),
        ("Balance at the last visit of the card", "-€1.20"),
        ("Emergency credit, repaid first", "€10.00"),
        ("Debt, of each payment a share", "€295.00"),
    ]
    assert ("Number", "kiosk-1-7") in [each[:2] for each in slip.lines]
    assert slip.marks == ()


def test_a_payment_says_what_the_emergency_credit_takes_and_what_is_left() -> None:
    slip = slip_of(replace(FACTS, repaid_ueur=750_000), 7, Sentences(Language.ENGLISH))
    assert [(each.label, each.value) for each in slip.lines][-3:] == [
        ("Repays the emergency credit first", "€0.75"),
        ("Left of this payment", "€149.25"),
        ("Debt, of each payment a share", "€295.00"),
    ]
    assert slip.notes == (
        "Of what is left, a share goes to the debt. The meter says how much at its next visit.",
    )


@given(amount=st.integers(0, 300), owed=st.integers(0, 300), earlier=st.integers(-300, 300))
def test_payments_repay_the_emergency_credit_in_the_order_in_which_they_were_made(
    amount: int, owed: int, earlier: int
) -> None:
    """With the same payment cut in two, and with what was paid before it, no cent is counted twice."""
    before = repaid_first_ueur(max(0, earlier), owed, 0)
    assert before + repaid_first_ueur(amount, owed, earlier) == min(owed, max(0, earlier) + amount)
    half = amount // 2
    both = repaid_first_ueur(half, owed, max(0, earlier)) + repaid_first_ueur(
        amount - half, owed, max(0, earlier) + half
    )
    assert both == repaid_first_ueur(amount, owed, earlier)


GAS = (
    CardMessage.PUT_CARD_IN,
    CardMessage.WAIT_FOR_NINE,
    CardMessage.CLOSE_APPLIANCES,
    CardMessage.PRESS_BLUE,
    CardMessage.CALL_US,
)


@pytest.mark.parametrize(("phone", "call"), [("", "call us"), ("078 78 78 00", "call 078 78 78 00")])
def test_a_ticket_says_every_step_that_brings_the_gas_back(phone: str, call: str) -> None:
    facts = replace(
        FACTS, kind=ReceiptKind.RECOVERY, hours=240, present_until_ms=THURSDAY_MS, energy=Energy.GAS
    )
    slip = slip_of(replace(facts, steps=GAS, call_code="102139", phone=phone), 7, Sentences(Language.ENGLISH))
    assert [each.picture for each in slip.steps] == ["slot", "nine", "appliances", "blue_button", "phone"]
    assert "blue button for 5 seconds" in slip.steps[3].text
    assert slip.steps[-1].text.endswith(f"{call} and tell us this number: 102 139.")
    assert ("Energy", "gas") in [each[:2] for each in slip.lines]
    assert ("Without a cut", "10 days") in [each[:2] for each in slip.lines]
    assert slip.title == "Supply back by card", "as the button that makes it"
    page, text = html_of(slip), text_of(slip)
    assert page.count('<img src="data:image/svg+xml;base64,') == len(GAS)
    assert all(escape(each.picture_text) in page for each in slip.steps)
    assert "3. Close every gas appliance." in text


def test_a_receipt_of_an_older_program_still_says_both_steps() -> None:
    assert [each.picture for each in slip_of(FACTS, 7, Sentences(Language.ENGLISH)).steps] == ["slot", "nine"]
    kept = msgspec.json.decode(msgspec.json.encode(FACTS))
    for new in ("repaid_ueur", "energy", "steps", "call_code", "phone"):
        del kept[new]
    assert msgspec.convert(kept, ReceiptFacts) == FACTS


@pytest.mark.parametrize(
    ("means", "label"),
    [("cash", "Given back in cash"), ("terminal", "Given back to the bank card"), ("", "Given back")],
)
def test_a_void_says_by_which_means_the_money_went_back(means: str, label: str) -> None:
    facts = replace(FACTS, kind=ReceiptKind.VOID, means=means)
    assert slip_of(facts, 8, Sentences(Language.ENGLISH)).lines[-1].label == label


def test_a_mark_stands_between_stars_on_each_of_its_lines() -> None:
    slip = slip_of(
        replace(FACTS, practice=True), 7, Sentences(Language.FRENCH), is_copy=True, undone=ReceiptKind.VOID
    )
    marks = [line.strip() for line in text_of(slip).splitlines() if "*" in line]
    assert len(marks) > 3
    assert all(line.startswith("*** ") and line.endswith(" ***") and len(line) > 8 for line in marks)
    assert "*** Annulé : ce paiement a été rendu ***" in marks


@pytest.mark.parametrize(
    ("language", "until"),
    [
        (Language.FRENCH, "jusqu'à la fin du vendredi 3 juillet 2020"),
        (Language.DUTCH, "tot het einde van vrijdag 3 juli 2020"),
        (Language.GERMAN, "am Freitag, 3. Juli 2020 (bis zum Ende des Tages)"),
        (Language.ENGLISH, "until the end of Friday 3 July 2020"),
    ],
)
def test_a_recovery_card_says_both_of_its_ends(language: Language, until: str) -> None:
    # The end of Friday is the midnight with which Saturday begins.
    facts = ReceiptFacts(
        kind=ReceiptKind.RECOVERY,
        at_ms=THURSDAY_MS,
        kiosk="k",
        office="o",
        zone="Europe/Brussels",
        language=language,
        practice=True,
        hours=24,
        present_until_ms=1_593_813_600_000,
    )
    slip = slip_of(facts, 1, Sentences(language), is_copy=True)
    assert until in slip.notes[0]
    assert "24" in slip.notes[1]
    assert len(slip.marks) == 2


def test_the_end_of_a_shift_says_the_difference() -> None:
    facts = ReceiptFacts(
        kind=ReceiptKind.CASH_UP,
        at_ms=THURSDAY_MS,
        kiosk="k",
        office="o",
        zone="Europe/Brussels",
        language=Language.ENGLISH,
        practice=False,
        payments=3,
        float_ueur=100_000_000,
        cash_in_ueur=50_000_000,
        cash_out_ueur=30_000_000,
        terminal_ueur=50_000_000,
        counted_ueur=119_000_000,
    )
    lines = {each.label: each.value for each in slip_of(facts, 9, Sentences(Language.ENGLISH)).lines}
    assert (lines["Must be in the drawer"], lines["Difference"]) == ("€120.00", "-€1.00")


@given(
    kind=st.sampled_from(ReceiptKind),
    language=st.sampled_from(Language),
    clerk=st.text("abcéèüß€ÀÖ -", max_size=60),
    amount=st.integers(1, 2**53),
    practice=st.booleans(),
    steps=st.sampled_from([(), GAS, (CardMessage.PRESS_RED,)]),
)
def test_every_line_fits_the_paper(
    kind: ReceiptKind,
    language: Language,
    clerk: str,
    amount: int,
    practice: bool,
    steps: tuple[CardMessage, ...],
) -> None:
    facts = ReceiptFacts(
        kind=kind,
        at_ms=THURSDAY_MS,
        kiosk="kiosk-1",
        office="Namur",
        zone="Europe/Brussels",
        language=language,
        practice=practice,
        clerk=clerk,
        meter="m" * 64,
        means=PaymentMeans.TERMINAL,
        amount_ueur=amount,
        total_ueur=2 * amount,
        balance_ueur=-amount,
        hours=240,
        energy=Energy.GAS,
        steps=steps,
        call_code="102139",
        phone="078 78 78 00",
        repaid_ueur=amount // 3,
        debt_owed_ueur=amount,
        present_until_ms=THURSDAY_MS,
    )
    text = text_of(slip_of(facts, 1, Sentences(language), is_copy=True))
    assert all(len(line) <= COLUMNS for line in text.splitlines())
    text.encode("cp858")


def test_a_page_stands_alone_and_takes_no_names_for_markup() -> None:
    slip = slip_of(FACTS, 7, Sentences(Language.FRENCH))
    page = html_of(slip)
    assert "Namur &lt;Gare&gt;" in page
    assert '<html lang="fr">' in page
    assert "http" not in page
    assert (pdf_of(slip) or b"%PDF").startswith(b"%PDF")
