"""What a meter has said on a card, as stories: so that whoever learns the desk has each of them in hand.

The words bear the keys of practice, which everybody may know: no fleet has such a meter. Code 8 is the sign
of a meter of 2020; a guarded meter names the cut instead. Pure.
"""

from enum import StrEnum, unique
from hashlib import sha256
from typing import Final

import msgspec
from msgspec.structs import replace

from cardreader.files.documents import Words
from cardreader.files.layout import ASKS, REPORTS, STATE, CardFile
from cardreader.files.meter_state import CutTold, MeterState, state_word
from protocols.documents.accounts import Account
from protocols.instants import HOUR_MS, SECOND_MS
from protocols.link.messages import MeterHolds, Reported, TimeAsk, write_report
from protocols.link.proofs import Purpose, with_mac
from protocols.reasons import ClockStatus, Energy, ScreenCode, Source, Supply, SupplyReason
from protocols.units import QUANTA_PER_UEUR

CUT: Final = "cut-1"
_OBJECT: Final = f"cut/{CUT}"
_EPOCH: Final = 1
_BALANCE_UEUR: Final = 12_340_000
# What the household of `credit` owes to its emergency credit, which is used up.
OWED_UEUR: Final = 750_000
_NONCE_CHARS: Final = 32
_encoder: Final = msgspec.json.Encoder()


@unique
class PracticeStory(StrEnum):
    """`code-8`: a meter of 2020, cut by a programmed date. `cut`, `gas`: a planned cut has taken the supply.

    `planned-cut`: one is an hour away. `credit`: the purse is empty. `clock`: the meter has lost the time.
    """

    CODE_8 = "code-8"
    CUT = "cut"
    PLANNED_CUT = "planned-cut"
    GAS = "gas"
    CREDIT = "credit"
    CLOCK = "clock"


def energy_of(story: PracticeStory) -> Energy:
    """For which energy its card is."""
    return Energy.GAS if story is PracticeStory.GAS else Energy.ELECTRICITY


def words_of(
    story: PracticeStory, serial: bytes, pairing: int, meter: str, key: bytes, now_ms: int
) -> dict[CardFile, bytes]:
    """What the meter with this key has said to the card of this serial number, in this pairing epoch."""
    state = _state(story, serial, pairing, meter, now_ms)
    way = f"card/{serial.hex()}"
    holds = with_mac(_encoder.encode(_holds(story, state)), Purpose.HOLDS, way, key)
    report = write_report(_report(story, state, way), key)
    asks = tuple(_ask(meter, serial, each) for each in (Source.HEADEND, Source.TIMESERVER))
    return {
        STATE: state_word(state, key).encode(),
        REPORTS: Words((report, holds)).encode(),
        ASKS: Words(asks).encode(),
    }


def _state(story: PracticeStory, serial: bytes, pairing: int, meter: str, now_ms: int) -> MeterState:
    well = MeterState(
        card=serial.hex(),
        pairing=pairing,
        meter=meter,
        epoch=_EPOCH,
        number=1,
        time_ms=now_ms,
        energy_wh=1_234_567,
        balance_ueur=_BALANCE_UEUR,
        emergency_ueur=0,
        supply=Supply.ON,
        reason=SupplyReason.NONE,
        code=ScreenCode.ACCEPTED,
        clock=ClockStatus.TRUSTED,
        earliest_ms=now_ms - SECOND_MS,
        latest_ms=now_ms + SECOND_MS,
        journal=1,
        journal_hash="0" * 64,
        totals=(),
        cuts=(),
    )
    off = replace(well, supply=Supply.OFF)
    match story:
        case PracticeStory.CODE_8:
            return replace(off, reason=SupplyReason.PROGRAMMED_CUT, code=ScreenCode.NOT_RELANCED)
        case PracticeStory.CUT | PracticeStory.GAS:
            return replace(
                off, reason=SupplyReason.CUT_ORDER, cuts=(_cut(now_ms - 3 * HOUR_MS, is_done=True),)
            )
        case PracticeStory.PLANNED_CUT:
            return replace(well, cuts=(_cut(now_ms + HOUR_MS),))
        case PracticeStory.CREDIT:
            return replace(off, reason=SupplyReason.CREDIT, code=ScreenCode.TRIANGLE, balance_ueur=0)
        case PracticeStory.CLOCK:
            return replace(well, clock=ClockStatus.LOST, earliest_ms=0, latest_ms=None)


def _cut(from_ms: int, *, is_done: bool = False) -> CutTold:
    return CutTold(object=_OBJECT, from_ms=from_ms, until_ms=from_ms + 4 * HOUR_MS, is_done=is_done)


def _holds(story: PracticeStory, state: MeterState) -> MeterHolds:
    return MeterHolds(
        meter=state.meter,
        energy=energy_of(story),
        firmware="practice",
        profile=energy_of(story),
        supply=state.supply,
        clock=state.clock,
        protections=(),
        calendars=(),
        lease_rev=0,
        lease_ends_ms=0,
        statements=(),
        cut_orders=(_OBJECT,) if story is PracticeStory.PLANNED_CUT else (),
        tombstones=(),
        root_version=1,
        number=state.number + 2,
        epoch=state.epoch,
    )


def _report(story: PracticeStory, state: MeterState, way: str) -> Reported:
    owed_ueur = OWED_UEUR if story is PracticeStory.CREDIT else 0
    return Reported(
        meter=state.meter,
        number=state.number + 1,
        journal=state.journal,
        supply=state.supply,
        reason=state.reason,
        clock=state.clock,
        earliest_ms=state.earliest_ms,
        latest_ms=state.latest_ms,
        time_ms=state.time_ms,
        balance_ueur=state.balance_ueur,
        emergency_ueur=state.emergency_ueur,
        next_possible_ms=None,
        dispute_nonce="",
        code=state.code,
        account=_account(state.balance_ueur, owed_ueur),
        link=way,
        epoch=state.epoch,
    )


def _account(balance_ueur: int, owed_ueur: int) -> Account:
    """Emergency credit was drawn down to what is owed, and nothing else has happened."""
    balance, owed = (str(each * QUANTA_PER_UEUR) for each in (balance_ueur, owed_ueur))
    start = str((balance_ueur - owed_ueur) * QUANTA_PER_UEUR)
    return Account(
        start_q=start,
        credited_q="0",
        consumed_mq="0",
        fixed_mq="0",
        lent_q=owed,
        repaid_q="0",
        balance_q=balance,
        owed_q=owed,
    )


def _ask(meter: str, serial: bytes, source: Source) -> bytes:
    nonce = sha256(serial + source.encode()).hexdigest()[:_NONCE_CHARS]
    return _encoder.encode(TimeAsk(meter=meter, source=source, nonce=nonce))
