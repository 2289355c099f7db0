"""A card in a reader of PC/SC, with a service that fails in every way: one sentence, no false answer."""

import sys
from pathlib import Path

import pytest

from cardreader.card.card import ATR, SmartCard
from cardreader.files.layout import STATEMENTS
from cardreader.iso7816.apdu import CardGoneError
from cardreader.readers.opening import open_card
from cardreader.readers.pcsc import PcscCard
from cardreader.readers.pcsc_codes import Code, PcscError, sentence
from cardreader.readers.pcsc_service import PcscService
from cardreader.readers.virtual import VirtualCard
from protocols.errors import InputError, UnreachableError
from tests.cardreader.one_card import issued, session
from tests.cardreader.readers.acted_scard import ActedScard

SELECT = bytes.fromhex("00A40C023F00")


def a_card() -> SmartCard:
    return SmartCard(issued())


def test_a_card_is_read_and_given_back_without_power() -> None:
    scard = ActedScard(Kiosk=a_card())
    with PcscCard("kiosk", "--reader", scard) as card:
        assert card.name == "Kiosk"
        assert card.reset() == ATR
        kiosk = session(card)
        kiosk.write(STATEMENTS[0], b"statement")
        kiosk.commit()
        assert kiosk.read(STATEMENTS[0]) == b"statement"
    assert (scard.open, scard.held, scard.log[-2:]) == (0, None, ["disconnect", "release"])


@pytest.mark.parametrize("answer", [b"", b"\x90"])
def test_a_short_answer_means_that_the_card_has_gone_although_the_service_says_success(answer: bytes) -> None:
    scard = ActedScard(Kiosk=a_card())
    with PcscCard("any", "--reader", scard) as card:
        scard.meanwhile = lambda _whole: answer
        with pytest.raises(CardGoneError, match="put it in again; what the card did last is not known"):
            card.transmit(SELECT)
        scard.meanwhile = lambda whole: whole
        # It may be another card now: nothing more is sent to it.
        with pytest.raises(CardGoneError, match="not in the reader"):
            card.transmit(SELECT)
    assert scard.open == 0


@pytest.mark.parametrize("code", [each for each in Code if each is not Code.DONE])
def test_whatever_fails_while_a_card_is_spoken_to_its_outcome_is_unknown(code: Code) -> None:
    scard = ActedScard(Kiosk=a_card())
    with PcscCard("any", "--reader", scard) as card:
        scard.fails["transmit"] = code
        with pytest.raises(CardGoneError, match=f"PC/SC {code:08X}.*what the card did last is not known"):
            card.transmit(SELECT)
        with pytest.raises(CardGoneError, match="not in the reader"):
            card.reset()
    assert (scard.open, scard.held) == (0, None)


@pytest.mark.parametrize("call", ["establish", "list", "status", "connect"])
@pytest.mark.parametrize("code", [each for each in Code if each not in (Code.DONE, Code.TIMEOUT)])
def test_whatever_fails_while_it_is_opened_is_one_sentence_and_nothing_stays_open(
    code: Code, call: str
) -> None:
    scard = ActedScard(Kiosk=a_card())
    scard.fails[call] = code
    with pytest.raises(UnreachableError) as failed, PcscCard("any", "--reader", scard):
        pass
    assert "\n" not in str(failed.value)
    # Without any reader there is a sentence without a code.
    assert (sentence(code) if code is not Code.NO_READERS else "plug one in") in str(failed.value)
    assert (scard.open, scard.held) == (0, None)


def test_two_programs_do_not_use_one_card_at_a_time() -> None:
    scard = ActedScard(Kiosk=a_card())
    with (
        PcscCard("any", "--reader", scard),
        pytest.raises(PcscError, match=r"another program uses this card: end it") as second,
        PcscCard("any", "--reader", scard),
    ):
        pass
    assert second.value.code == Code.SHARING_VIOLATION


def test_an_error_that_nobody_has_heard_of_says_what_to_do_too() -> None:
    assert sentence(0x80100042).startswith("the reader has failed: unplug it")


def test_a_state_that_has_not_changed_is_no_error() -> None:
    scard = ActedScard(Kiosk=None)
    scard.fails["status"] = Code.TIMEOUT
    with PcscService(scard) as service:
        assert [each.name for each in service.readers()] == ["Kiosk"]
        assert service.wait([], 1000) == []


def test_one_line_says_what_to_install_where_pyscard_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "smartcard", None)
    with pytest.raises(UnreachableError, match=r"pyscard, the extra `relance\[card\]`"), open_card("any"):
        pass


def test_both_kinds_of_reader_open_alike(tmp_path: Path) -> None:
    VirtualCard.create(tmp_path / "card.bin", issued())
    named = f"virtual:{tmp_path / 'card.bin'}"
    with open_card(named) as card:
        assert card.name == named
        assert card.reset() == ATR
        assert session(card).read(STATEMENTS[0]) == b""
    assert isinstance(open_card("Kiosk 00 00"), PcscCard)
    with pytest.raises(InputError, match="is a file; allowed: virtual:FILE"):
        open_card(str(tmp_path / "card.bin"))
    for missing in ("", "virtual:"):
        with pytest.raises(InputError, match=r"CARD: .*; allowed: virtual:FILE, any"):
            open_card(missing, "CARD")
