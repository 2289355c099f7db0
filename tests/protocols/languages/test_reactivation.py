"""A reminder says when, what is still to be done, what 8 means and whom to call, in each language."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.cutting.zones import load_zone
from protocols.instants import ms_from_iso
from protocols.languages.catalogue import Sentences
from protocols.languages.dates import moment_for
from protocols.languages.money import sum_for
from protocols.languages.reactivation import STEPS, Reminder, plain_text, write_letter, write_sms
from protocols.reasons import Energy, Language

BRUSSELS = load_zone("Europe/Brussels")
DEADLINE_MS = ms_from_iso("2020-07-03T23:01+02:00")
SENT_MS = ms_from_iso("2020-06-04T10:00+02:00")
LANGUAGES = pytest.mark.parametrize("language", Language)
# What a text message may take: four parts of 67 characters, were all of them outside GSM 03.38, is 268.
# With French and German letters of that alphabet a part has 153.
SMS_CHARS_MAX = 3 * 153


def reminder(**changed: object) -> Reminder:
    usual = {
        "name": "Bérénice",
        "ean": "541448860000000011",
        "energy": Energy.ELECTRICITY,
        "deadline_ms": DEADLINE_MS,
        "steps_done": 0,
        "remote": False,
        "balance_ueur": None,
        "balance_at_ms": None,
        "sender": "The network",
        "phone": "078 78 78 00",
    }
    return Reminder(**(usual | changed))  # type: ignore[arg-type] # the fields above


@LANGUAGES
@pytest.mark.parametrize("steps_done", range(STEPS))
def test_a_letter_asks_for_the_steps_that_are_left(language: Language, steps_done: int) -> None:
    sentences = Sentences(language)
    letter = write_letter(sentences, reminder(steps_done=steps_done), BRUSSELS, SENT_MS)
    text = plain_text(letter)
    assert len(letter.steps) == STEPS - steps_done
    numbers = [line[0] for line in text.splitlines() if line[1:3] == ". "]
    assert numbers == ["1", "2", "3"][steps_done:]
    moment = moment_for(sentences, DEADLINE_MS, BRUSSELS)
    assert moment in letter.subject
    assert moment in letter.opening[0]
    for fact in ("541448860000000011", "078 78 78 00", "Bérénice", "The network", "8", "9"):
        assert fact in text


@LANGUAGES
def test_a_connected_meter_needs_no_card(language: Language) -> None:
    letter = write_letter(Sentences(language), reminder(remote=True), BRUSSELS, SENT_MS)
    assert letter.steps == ()
    assert "078 78 78 00" in letter.opening[1]
    sms = write_sms(Sentences(language), reminder(remote=True), BRUSSELS)
    assert "(1)" not in sms
    assert "078 78 78 00" in sms


@LANGUAGES
def test_a_balance_is_told_with_the_instant_of_its_report(language: Language) -> None:
    sentences = Sentences(language)
    told = reminder(balance_ueur=12_340_000, balance_at_ms=SENT_MS)
    text = plain_text(write_letter(sentences, told, BRUSSELS, SENT_MS))
    assert sum_for(sentences, 12_340_000) in text
    assert moment_for(sentences, SENT_MS, BRUSSELS) in text
    assert sum_for(sentences, 12_340_000) not in plain_text(
        write_letter(sentences, reminder(), BRUSSELS, SENT_MS)
    )


@LANGUAGES
@pytest.mark.parametrize("steps_done", range(STEPS))
def test_a_text_message_fits_and_names_the_steps_that_are_left(language: Language, steps_done: int) -> None:
    sms = write_sms(Sentences(language), reminder(steps_done=steps_done), BRUSSELS)
    assert len(sms) <= SMS_CHARS_MAX
    assert [f"({number})" in sms for number in (1, 2, 3)] == [number > steps_done for number in (1, 2, 3)]
    assert moment_for(Sentences(language), DEADLINE_MS, BRUSSELS) in sms


@given(
    name=st.none() | st.text(min_size=1, max_size=30),
    energy=st.none() | st.sampled_from(Energy),
    steps_done=st.integers(0, STEPS - 1),
    remote=st.booleans(),
    deadline_ms=st.integers(ms_from_iso("2000-01-01T00:00Z"), ms_from_iso("2100-01-01T00:00Z")),
)
def test_every_language_says_every_reminder_and_leaves_no_placeholder(
    name: str | None, energy: Energy | None, steps_done: int, deadline_ms: int, *, remote: bool
) -> None:
    told = reminder(name=name, energy=energy, steps_done=steps_done, remote=remote, deadline_ms=deadline_ms)
    texts = set()
    for language in Language:
        sentences = Sentences(language)
        letter = write_letter(sentences, told, BRUSSELS, SENT_MS)
        text = plain_text(letter) + write_sms(sentences, told, BRUSSELS)
        assert "{" not in text.replace(name or "", "")
        texts.add(text)
    assert len(texts) == len(Language), "no language speaks in another's words"
