"""What a household is told before its meter goes back to prepayment: a letter or mail, and a text message.

Each names the last instant by weekday, date and local hour, and only the steps that are still to be done. It
says what the screen shows when a step has worked, what 8 means, and whom to call.
"""

from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from protocols.cutting.zones import local_date
from protocols.languages.catalogue import Sentences
from protocols.languages.dates import date_for, moment_for
from protocols.languages.money import sum_for
from protocols.reasons import Energy

STEPS: Final = 3


class Reminder(Struct, frozen=True, kw_only=True):
    """What one household is reminded of.

    `steps_done`: of the three with the card, so many have been done, from the first on. `remote`: the meter
    takes its setting over the network, and has not confirmed it. `balance_ueur`: of the meter's last report,
    with its instant; None: it has reported none. `sender`, `phone`: who writes, and whom to call.
    """

    name: str | None
    ean: str
    energy: Energy | None
    deadline_ms: int
    steps_done: int
    remote: bool
    balance_ueur: int | None
    balance_at_ms: int | None
    sender: str
    phone: str


class Letter(Struct, frozen=True, kw_only=True):
    """A letter or mail. `steps`: what is to be done, numbered from `first_step` on; empty: nothing."""

    language: str
    subject: str
    about: str
    date: str
    greeting: str
    opening: tuple[str, ...]
    steps: tuple[str, ...]
    first_step: int
    closing: tuple[str, ...]
    farewell: str
    sender: str


def write_letter(sentences: Sentences, told: Reminder, zone: ZoneInfo, now_ms: int) -> Letter:
    """The letter of this day; a mail has the same words."""
    moment = moment_for(sentences, told.deadline_ms, zone)
    say = sentences.say
    return Letter(
        language=sentences.language,
        subject=say("Your prepaid meter: please act before {moment}", moment=moment),
        about=_about(sentences, told),
        date=date_for(sentences, local_date(now_ms, zone)),
        greeting=say("Dear {name},", name=told.name) if told.name else say("Dear customer,"),
        opening=_opening(sentences, told, moment),
        steps=() if told.remote else _steps(sentences)[told.steps_done :],
        first_step=told.steps_done + 1,
        closing=_closing(sentences, told, zone),
        farewell=say("Kind regards,"),
        sender=told.sender,
    )


def plain_text(letter: Letter) -> str:
    """The letter as the text of a mail, a paragraph a line."""
    numbered = [f"{number}. {step}" for number, step in enumerate(letter.steps, letter.first_step)]
    end = f"{letter.farewell}\n{letter.sender}"
    parts = (letter.about, letter.greeting, *letter.opening, *numbered, *letter.closing, end)
    return "\n\n".join(parts) + "\n"


def write_sms(sentences: Sentences, told: Reminder, zone: ZoneInfo) -> str:
    """A text message with the same facts."""
    moment = moment_for(sentences, told.deadline_ms, zone)
    say = sentences.say
    if told.remote:
        return say(
            "{sender}: we set your connected meter before {moment}, but it does not answer. "
            "Does it have power? Please call {phone}.",
            sender=told.sender,
            moment=moment,
            phone=told.phone,
        )
    short = (
        say("(1) Card into the meter until it shows 9."),
        say("(2) Card into the terminal of a recharge point, without paying."),
        say("(3) Card into the meter again until it shows 9 and beeps twice."),
    )
    return say(
        "{sender}: your prepaid meter may cut you off as of {moment}. Please do before that: {steps} "
        "Questions, or an 8 on the screen: {phone}.",
        sender=told.sender,
        moment=moment,
        steps=" ".join(short[told.steps_done :]),
        phone=told.phone,
    )


def _about(sentences: Sentences, told: Reminder) -> str:
    match told.energy:
        case Energy.ELECTRICITY:
            return sentences.say("Electricity meter, EAN {ean}", ean=told.ean)
        case Energy.GAS:
            return sentences.say("Gas meter, EAN {ean}", ean=told.ean)
        case None:
            return sentences.say("Meter, EAN {ean}", ean=told.ean)


def _opening(sentences: Sentences, told: Reminder, moment: str) -> tuple[str, ...]:
    say = sentences.say
    since = say(
        "For some time your meter has been set so that it does not cut you off. This ends on {moment}.",
        moment=moment,
    )
    if told.remote:
        return (
            since,
            say(
                "Your meter is connected, so you do not need your card: we set it from here. "
                "But it has not answered us yet. Please look whether it has power, and call us: {phone}.",
                phone=told.phone,
            ),
        )
    asked = say(
        "Your meter must go back to prepayment before that, or it may cut you off. "
        "Please do what stands below. It costs nothing."
    )
    if told.steps_done == 0:
        return since, asked
    done = (
        say("You have already done the first step. Thank you.")
        if told.steps_done == 1
        else say("You have already done the first two steps. Thank you.")
    )
    return since, asked, done


def _steps(sentences: Sentences) -> tuple[str, str, str]:
    return (
        sentences.say("At home: put your card into the meter. Wait until the screen shows 9."),
        sentences.say(
            "At a recharge point: put the card into the terminal, and leave it there until the end. "
            "You do not have to pay."
        ),
        sentences.say(
            "At home again: put the card into the meter. When the screen shows 9 and you hear two beeps, "
            "all is done."
        ),
    )


def _closing(sentences: Sentences, told: Reminder, zone: ZoneInfo) -> tuple[str, ...]:
    say = sentences.say
    told_of: list[str] = []
    if not told.remote:
        told_of.append(
            say(
                "If the screen shows 8, the meter refuses to switch on. That is not your fault, and to "
                "charge the card once more does not help. Please call us: {phone}.",
                phone=told.phone,
            )
        )
        told_of.append(
            say(
                "If you cannot go to a recharge point, call us too. Somebody can come to your home.",
            )
        )
    if told.balance_ueur is not None and told.balance_at_ms is not None:
        told_of.append(
            say(
                "By its last report, on {moment}, your meter had a credit of {sum}.",
                moment=moment_for(sentences, told.balance_at_ms, zone),
                sum=sum_for(sentences, told.balance_ueur),
            )
        )
    told_of.append(say("If all this has been done in the last few days, you need not do anything more."))
    return tuple(told_of)
