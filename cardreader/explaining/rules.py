"""From the contents of a card to what it means.

Nothing is believed here, as in `loading/progress.py`: the card says what the meter has said. A kiosk has no
meter's key, so it shows it as said. Everything a person needs follows from the card alone, also when the
controller is away.
"""

from collections.abc import Iterator
from typing import Final

from cardreader.explaining.explanation import (
    Action,
    CardKind,
    CardStep,
    ClockView,
    CodeMeaning,
    Explanation,
    Fact,
)
from cardreader.files.identity import CardState, Pairing
from cardreader.files.meter_state import MeterState
from cardreader.loading.contents import CardContents
from cardreader.loading.progress import CarriedDocument, progress_of
from protocols.documents.kind_rule import Kind
from protocols.instants import HOUR_MS
from protocols.languages.card_messages import CardMessage, CardPicture
from protocols.reasons import ClockStatus, Energy, OrderVerdict, ScreenCode, Supply, SupplyReason

# A cut is allowed on weekdays from 8 to 16 (design §2): no such window holds a wider interval.
WINDOW_LONGEST_MS: Final = 8 * HOUR_MS

_CODES: Final[dict[str, CodeMeaning]] = {
    ScreenCode.NONE: CodeMeaning.NOTHING,
    ScreenCode.ACCEPTED: CodeMeaning.ACCEPTED,
    ScreenCode.NOT_RELANCED: CodeMeaning.NOT_RELANCED,
    ScreenCode.TRIANGLE: CodeMeaning.NO_CREDIT,
}
_CODE_MESSAGES: Final = {
    CodeMeaning.ACCEPTED: CardMessage.CODE_ACCEPTED,
    CodeMeaning.NOT_RELANCED: CardMessage.CODE_NOT_RELANCED,
    CodeMeaning.NO_CREDIT: CardMessage.CODE_NO_CREDIT,
    CodeMeaning.UNKNOWN: CardMessage.CODE_UNKNOWN,
}
_CLOCK_MESSAGES: Final = {
    ClockView.TRUSTED: CardMessage.CLOCK_TRUSTED,
    ClockView.TOO_WIDE: CardMessage.CLOCK_TOO_WIDE,
    ClockView.DISPUTED: CardMessage.CLOCK_DISPUTED,
    ClockView.LOST: CardMessage.CLOCK_LOST,
}
_STEP_MESSAGES: Final = {
    CardStep.HOME: CardMessage.STEP_HOME,
    CardStep.KIOSK: CardMessage.STEP_KIOSK,
    CardStep.HOME_AGAIN: CardMessage.STEP_HOME_AGAIN,
    CardStep.NONE: CardMessage.STEP_NONE,
}
_OFF: Final = {
    SupplyReason.CREDIT: CardMessage.OFF_FOR_CREDIT,
    SupplyReason.PROGRAMMED_CUT: CardMessage.OFF_BY_PROGRAM,
    SupplyReason.CUT_ORDER: CardMessage.OFF_BY_ORDER,
    SupplyReason.SAFETY: CardMessage.OFF_FOR_SAFETY,
    SupplyReason.LEAK: CardMessage.OFF_FOR_LEAK,
}
# A clerk can do something against these; safety and leaks are for a technician.
_CLERK_ENDS: Final = (SupplyReason.CREDIT, SupplyReason.PROGRAMMED_CUT, SupplyReason.CUT_ORDER)
# A sign that nobody knows is shown as it is, as far as it can be shown.
_SIGN_CHARS_MAX: Final = 16
_NOT_SERVED: Final = {
    CardKind.VIRGIN: (CardMessage.VIRGIN, Action(CardMessage.ISSUE_CARD, CardPicture.CARD)),
    CardKind.BLOCKED: (CardMessage.BLOCKED, Action(CardMessage.REPLACE_CARD, CardPicture.CARD)),
    CardKind.REPLACED: (CardMessage.REPLACED, Action(CardMessage.REPLACE_CARD, CardPicture.CARD)),
    CardKind.FOREIGN: (CardMessage.FOREIGN, Action(CardMessage.TRY_AGAIN, CardPicture.KIOSK)),
    CardKind.DAMAGED: (CardMessage.DAMAGED, Action(CardMessage.REPLACE_CARD, CardPicture.CARD)),
}


def explain(found: CardContents, epoch_known: int = 0) -> Explanation:
    """What a card says. `epoch_known`: the latest pairing epoch of its meter that is known here; 0: none."""
    kind = _kind_of(found.pairing, epoch_known)
    if kind is not CardKind.OURS or found.identity is None:
        return explain_unserved(CardKind.DAMAGED if kind is CardKind.OURS else kind)
    state, progress = found.state.state, progress_of(found)
    code = _code_of(state)
    clock = _clock_of(state)
    step = _step_of(state, code, progress.documents)
    waiting_ueur = _waiting_ueur(state, progress.documents)
    told = Explanation(
        CardKind.OURS,
        code,
        None if state is None else state.supply,
        clock,
        step,
        None if state is None else state.balance_ueur,
        waiting_ueur,
    )
    return told._replace(
        facts=tuple(_facts(told, found, state, progress.documents)),
        household=tuple(_household_does(told, found.identity.energy)),
        clerk=tuple(_clerk_does(told, found, progress.documents)),
    )


def explain_unserved(kind: CardKind) -> Explanation:
    """Of a card with which nobody is served; `foreign` and `damaged` also where it could not be opened."""
    message, action = _NOT_SERVED[kind]
    household = (Action(CardMessage.USE_NEWER_CARD, CardPicture.CARD),) if kind is CardKind.REPLACED else ()
    return Explanation(kind, facts=(Fact(message),), household=household, clerk=(action,))


def _kind_of(pairing: Pairing | None, epoch_known: int) -> CardKind:
    if pairing is None:
        return CardKind.DAMAGED
    match pairing.state:
        case CardState.VIRGIN:
            return CardKind.VIRGIN
        case CardState.BLOCKED:
            return CardKind.BLOCKED
        case _:
            return CardKind.OURS if pairing.epoch >= epoch_known else CardKind.REPLACED


def _code_of(state: MeterState | None) -> CodeMeaning:
    return CodeMeaning.NOTHING if state is None else _CODES.get(state.code, CodeMeaning.UNKNOWN)


def _clock_of(state: MeterState | None) -> ClockView:
    if state is None:
        return ClockView.UNSAID
    match state.clock:
        case ClockStatus.DISPUTED:
            return ClockView.DISPUTED
        case ClockStatus.LOST:
            return ClockView.LOST
        case _:
            is_narrow = (
                state.latest_ms is not None and state.latest_ms - state.earliest_ms <= WINDOW_LONGEST_MS
            )
            return ClockView.TRUSTED if is_narrow else ClockView.TOO_WIDE


def _step_of(state: MeterState | None, code: CodeMeaning, documents: tuple[CarriedDocument, ...]) -> CardStep:
    """What waits goes to the meter first: it may be the very thing that an 8 needs."""
    if any(not each.is_done for each in documents):
        return CardStep.HOME_AGAIN
    if state is None:
        return CardStep.HOME
    is_off = state.supply is Supply.OFF and state.reason in _CLERK_ENDS
    return CardStep.KIOSK if code is CodeMeaning.NOT_RELANCED or is_off else CardStep.NONE


def _waiting_ueur(state: MeterState | None, documents: tuple[CarriedDocument, ...]) -> int | None:
    """Paid and not yet in the meter, by the totals that it has said in the same epoch of the issuer.

    None where nobody can say it here: a card that no meter has read, and a statement of an epoch that the
    meter has closed, which the office looks into.
    """
    waits = [each for each in documents if each.total_ueur is not None and not each.is_done]
    if not waits:
        return 0
    if state is None:
        return None
    credited = {(each.issuer, each.epoch): each.total_ueur for each in state.totals}
    latest: dict[str, int] = {}
    for issuer, epoch in credited:
        latest[issuer] = max(epoch, latest.get(issuer, 0))
    if any(each.issuer_epoch < latest.get(each.issuer, 0) for each in waits):
        return None
    return sum((each.total_ueur or 0) - credited.get((each.issuer, each.issuer_epoch), 0) for each in waits)


def _facts(
    told: Explanation,
    found: CardContents,
    state: MeterState | None,
    documents: tuple[CarriedDocument, ...],
) -> Iterator[Fact]:
    if found.problems:
        yield Fact(CardMessage.PARTLY_DAMAGED)
    if state is None:
        yield Fact(CardMessage.NEVER_READ)
    else:
        yield from _said_facts(told, state, documents)
    if any(each.verdict is OrderVerdict.REFUSED for each in documents):
        yield Fact(CardMessage.DOCUMENT_REFUSED)
    if told.waiting_ueur is None:
        yield Fact(CardMessage.PAYMENT_WAITS)
    elif told.waiting_ueur:
        yield Fact(CardMessage.ON_ITS_WAY, sum_ueur=told.waiting_ueur)
    yield Fact(_STEP_MESSAGES[told.step])


def _said_facts(
    told: Explanation, state: MeterState, documents: tuple[CarriedDocument, ...]
) -> Iterator[Fact]:
    if told.code is not CodeMeaning.NOTHING:
        sign = "".join(each if each.isprintable() else "?" for each in state.code[:_SIGN_CHARS_MAX])
        yield Fact(_CODE_MESSAGES[told.code], code=sign)
    if told.code is CodeMeaning.NOT_RELANCED:
        yield from _why_not_relanced(state, documents)
    yield Fact(_supply_message(state))
    if state.balance_ueur < 0:
        yield Fact(CardMessage.BALANCE_OWED, sum_ueur=-state.balance_ueur)
    else:
        yield Fact(CardMessage.BALANCE, sum_ueur=state.balance_ueur)
    yield Fact(CardMessage.SAID_AT, at_ms=state.time_ms)
    yield Fact(_CLOCK_MESSAGES[told.clock])


def _why_not_relanced(state: MeterState, documents: tuple[CarriedDocument, ...]) -> Iterator[Fact]:
    """CLK-03: whether a cut was programmed, and whether the meter has seen that it was cancelled."""
    if state.reason is SupplyReason.PROGRAMMED_CUT:
        yield Fact(CardMessage.CUT_WAS_PROGRAMMED)
    elif not _cancellations(documents):
        return
    yield Fact(_cancellation_message(documents))


def _cancellations(documents: tuple[CarriedDocument, ...]) -> list[CarriedDocument]:
    return [each for each in documents if each.kind == Kind.CANCEL_CUT]


def _cancellation_message(documents: tuple[CarriedDocument, ...]) -> CardMessage:
    found = _cancellations(documents)
    if not found:
        return CardMessage.CANCELLATION_ABSENT
    if any(not each.is_done for each in found):
        return CardMessage.CANCELLATION_WAITS
    if any(each.verdict is OrderVerdict.REFUSED for each in found):
        return CardMessage.CANCELLATION_REFUSED
    return CardMessage.CANCELLATION_SEEN


def _supply_message(state: MeterState) -> CardMessage:
    match state.supply:
        case Supply.ON:
            return CardMessage.SUPPLY_ON
        case Supply.ARMED:
            return CardMessage.SUPPLY_ARMED
        case Supply.LIMITED:
            return CardMessage.SUPPLY_LIMITED
        case Supply.OFF:
            return _OFF.get(state.reason, CardMessage.SUPPLY_OFF)


def _household_does(told: Explanation, energy: Energy) -> Iterator[Action]:
    """The way home: empty where nothing is to be done there."""
    if told.step is CardStep.NONE and told.supply in (Supply.ON, Supply.LIMITED):
        return
    if told.step is not CardStep.NONE:
        yield Action(CardMessage.PUT_CARD_IN, CardPicture.SLOT)
        yield Action(CardMessage.WAIT_FOR_NINE, CardPicture.NINE)
    if told.step is CardStep.HOME:
        yield Action(CardMessage.COME_BACK, CardPicture.KIOSK)
    elif told.supply in (Supply.OFF, Supply.ARMED):
        yield from _supply_back(energy)
    yield Action(CardMessage.CALL_US, CardPicture.PHONE)


def _supply_back(energy: Energy) -> Iterator[Action]:
    if energy is Energy.GAS:
        yield Action(CardMessage.CLOSE_APPLIANCES, CardPicture.APPLIANCES)
        yield Action(CardMessage.PRESS_BLUE, CardPicture.BLUE_BUTTON)
    else:
        yield Action(CardMessage.PRESS_RED, CardPicture.RED_BUTTON)


def _clerk_does(
    told: Explanation, found: CardContents, documents: tuple[CarriedDocument, ...]
) -> Iterator[Action]:
    state = found.state.state
    if told.step is CardStep.KIOSK and state is not None:
        is_credit = told.code is not CodeMeaning.NOT_RELANCED and state.reason is SupplyReason.CREDIT
        message = CardMessage.TAKE_PAYMENT if is_credit else CardMessage.WRITE_RECOVERY
        yield Action(message, CardPicture.KIOSK)
        if state.reason is SupplyReason.PROGRAMMED_CUT and not _cancellations(documents):
            yield Action(CardMessage.WRITE_CANCELLATION, CardPicture.KIOSK)
    if found.asks.words and told.clock is not ClockView.TRUSTED:
        yield Action(CardMessage.ANSWER_CLOCK, CardPicture.KIOSK)
