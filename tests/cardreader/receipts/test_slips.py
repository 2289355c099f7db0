"""Receipts: 42 columns of a printer's characters in every language, pages that stand alone, itemised sums."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardreader.kiosk.facts import ReceiptFacts, ReceiptKind
from cardreader.receipts.page import html_of, pdf_of
from cardreader.receipts.slip import slip_of
from cardreader.receipts.text import COLUMNS, text_of
from protocols.documents.till_receipts import PaymentMeans
from protocols.languages.catalogue import Sentences
from protocols.reasons import Language

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
)
def test_every_line_fits_the_paper(
    kind: ReceiptKind, language: Language, clerk: str, amount: int, practice: bool
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
