"""From the contents of a card to what it means.

Nothing is believed here, as in `loading/progress.py`: the card says what the meter has said. A kiosk has no
meter's key, so it shows it as said. Everything a person needs follows from the card alone, also when the
controller is away.
"""

from collections.abc import Iterator
from typing import Final

from cardreader.explaining.cuts import NamedCut, named_cuts
from cardreader.explaining.explanation import (
    Action,
    CardKind,
    CardStep,
    ClockView,
    CodeMeaning,
    Explanation,
    Fact,
)
from cardreader.explaining.home_steps import home_steps
from cardreader.files.identity import CardState, Pairing
from cardreader.files.meter_state import MeterState
from cardreader.loading.contents import CardContents
from cardreader.loading.progress import UNREADABLE, CarriedDocument, progress_of
from protocols.documents.kind_rule import Kind
from protocols.instants import HOUR_MS
from protocols.languages.card_messages import CardMessage, CardPicture
from protocols.reasons import ClockStatus, OrderVerdict, ScreenCode, Supply, SupplyReason

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
    CardKind.REPLACED: (CardMessage.REPLACED, Action(CardMessage.ASK_NEWER_CARD, CardPicture.CARD)),
    CardKind.FOREIGN: (CardMessage.FOREIGN, Action(CardMessage.TRY_AGAIN, CardPicture.KIOSK)),
    CardKind.DAMAGED: (CardMessage.DAMAGED, Action(CardMessage.REPLACE_CARD, CardPicture.CARD)),
}


def explain(found: CardContents, epoch_known: int = 0, *, is_forged: bool = False) -> Explanation:
    """What a card says. `epoch_known`: the latest pairing epoch of its meter that is known here; 0: none.

    `is_forged`: whoever holds the meter's key has found that the meter did not say what the card says of it.
    A word that was said to another card needs no key to be seen.
    """
    kind = _kind_of(found.pairing, epoch_known)
    if kind is not CardKind.OURS or found.identity is None:
        return explain_unserved(CardKind.DAMAGED if kind is CardKind.OURS else kind)
    state, progress, cuts = found.state.state, progress_of(found), named_cuts(found)
    code = _code_of(state)
    clock = _clock_of(state)
    step = _step_of(state, code, progress.documents, cuts)
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
        facts=(
            *((Fact(CardMessage.NOT_ITS_METERS),) if is_forged or not is_said_to(found) else ()),
            *_facts(told, found, progress.documents, cuts),
        ),
        household=tuple(home_steps(told.step, told.supply, found.identity.energy)),
        clerk=tuple(_clerk_does(told, found, progress.documents, cuts)),
    )


def is_said_to(found: CardContents) -> bool:
    """Whether the state names this very card; also where there is none."""
    state, identity, pairing = found.state.state, found.identity, found.pairing
    if state is None or identity is None or pairing is None:
        return True
    return (state.card, state.meter, state.pairing) == (identity.serial.hex(), pairing.meter, pairing.epoch)


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


def _step_of(
    state: MeterState | None,
    code: CodeMeaning,
    documents: tuple[CarriedDocument, ...],
    cuts: tuple[NamedCut, ...],
) -> CardStep:
    """What waits goes to the meter first: it may be the very thing that an 8 needs.

    A cut that is planned and not cancelled is the evening of 2 July 2020: the card looks well, and the home
    goes dark at the hour of the cut.
    """
    if any(not each.is_done for each in documents):
        return CardStep.HOME_AGAIN
    if state is None:
        return CardStep.HOME
    is_off = state.supply is Supply.OFF and state.reason in _CLERK_ENDS
    is_owed = any(each.is_owed for each in documents)
    is_clerks = code is CodeMeaning.NOT_RELANCED or is_off or is_owed or bool(cuts)
    return CardStep.KIOSK if is_clerks else CardStep.NONE


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
    documents: tuple[CarriedDocument, ...],
    cuts: tuple[NamedCut, ...],
) -> Iterator[Fact]:
    state = found.state.state
    if found.problems or any(each.kind == UNREADABLE for each in documents):
        yield Fact(CardMessage.PARTLY_DAMAGED)
    if state is None:
        yield Fact(CardMessage.NEVER_READ)
    else:
        yield from _said_facts(told, state, documents, cuts)
    yield from _refusals(documents)
    if told.waiting_ueur is None:
        yield Fact(CardMessage.PAYMENT_WAITS)
    elif told.waiting_ueur:
        yield Fact(CardMessage.ON_ITS_WAY, sum_ueur=told.waiting_ueur)
    is_first = state is None and told.step is CardStep.HOME_AGAIN
    yield Fact(CardMessage.STEP_HOME_WRITTEN if is_first else _STEP_MESSAGES[told.step])


def _refusals(documents: tuple[CarriedDocument, ...]) -> Iterator[Fact]:
    refused = [each for each in documents if each.verdict is OrderVerdict.REFUSED]
    if any(each.is_owed for each in refused):
        yield Fact(CardMessage.PAYMENT_REFUSED)
    if any(each.total_ueur is None for each in refused):
        yield Fact(CardMessage.DOCUMENT_REFUSED)


def _said_facts(
    told: Explanation,
    state: MeterState,
    documents: tuple[CarriedDocument, ...],
    cuts: tuple[NamedCut, ...],
) -> Iterator[Fact]:
    if told.code is not CodeMeaning.NOTHING:
        sign = "".join(each if each.isprintable() else "?" for each in state.code[:_SIGN_CHARS_MAX])
        yield Fact(_CODE_MESSAGES[told.code], code=sign)
    if told.code is CodeMeaning.NOT_RELANCED:
        yield from _why_not_relanced(state, documents)
    yield Fact(_supply_message(state))
    yield from (_cut_fact(each) for each in cuts)
    yield from (Fact(CardMessage.THIS_CANCELLATION_WAITS, code=each.name) for each in cuts if each.waits)
    if state.balance_ueur < 0:
        yield Fact(CardMessage.BALANCE_OWED, sum_ueur=-state.balance_ueur)
    else:
        yield Fact(CardMessage.BALANCE, sum_ueur=state.balance_ueur)
    yield Fact(CardMessage.SAID_AT, at_ms=state.time_ms)
    yield Fact(_CLOCK_MESSAGES[told.clock])


def _cut_fact(cut: NamedCut) -> Fact:
    if cut.from_ms is None:
        return Fact(CardMessage.CUT_PLANNED_UNDATED, code=cut.name)
    message = CardMessage.CUT_CARRIED_OUT if cut.is_done else CardMessage.CUT_PLANNED
    return Fact(message, at_ms=cut.from_ms, until_ms=cut.until_ms, code=cut.name)


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


def _clerk_does(
    told: Explanation,
    found: CardContents,
    documents: tuple[CarriedDocument, ...],
    cuts: tuple[NamedCut, ...],
) -> Iterator[Action]:
    state = found.state.state
    if told.step is CardStep.HOME:
        yield Action(CardMessage.WRITE_AT_ONCE, CardPicture.KIOSK)
    if told.step is CardStep.KIOSK and state is not None:
        yield from (Action(each, CardPicture.KIOSK) for each in _writes(told, state, documents, cuts))
    if found.asks.words and told.clock is not ClockView.TRUSTED:
        yield Action(CardMessage.ANSWER_CLOCK, CardPicture.KIOSK)


def _writes(
    told: Explanation,
    state: MeterState,
    documents: tuple[CarriedDocument, ...],
    cuts: tuple[NamedCut, ...],
) -> Iterator[CardMessage]:
    """What the second step is: what ends the cause that the card tells of."""
    if any(each.is_owed and each.kind == UNREADABLE for each in documents):
        yield CardMessage.WRITE_AGAIN
    if any(each.is_owed and each.kind != UNREADABLE for each in documents):
        yield CardMessage.ASK_OFFICE
    is_8 = told.code is CodeMeaning.NOT_RELANCED
    if is_8 or (told.supply is Supply.OFF and state.reason in _CLERK_ENDS):
        is_credit = not is_8 and state.reason is SupplyReason.CREDIT
        yield CardMessage.TAKE_PAYMENT if is_credit else CardMessage.WRITE_RECOVERY
    is_programmed = state.reason is SupplyReason.PROGRAMMED_CUT and not _cancellations(documents)
    if is_programmed or any(each.is_done for each in cuts):
        yield CardMessage.WRITE_CANCELLATION
    if any(not each.is_done for each in cuts):
        yield CardMessage.CANCEL_PLANNED
