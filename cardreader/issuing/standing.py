"""What a card is to whoever reads it: by the pairing on it, and the epoch that is known.

A card that is lost is replaced: the new one has the next pairing epoch. From the first visit of the new card
on the meter knows that epoch and refuses the old card, also a copy of it; the office refuses it at once. No
credit is lost with a card: the totals stand at the meter and in the ledger, and statements are cumulative.

What is on a card proves nothing by itself. A meter believes an epoch once the card has authenticated with the
keys of that epoch (`keys.meter_keys`), which only the office can make. Pure.
"""

from enum import StrEnum, unique

from cardreader.files.identity import EPOCH_MAX, CardState, Pairing
from protocols.errors import RefusedError


@unique
class CardStanding(StrEnum):
    """What a card is here.

    `current`: it counts. `replaced`: a later card of the meter is known. `foreign`: it belongs to another
    meter. `blocked`, `virgin`: what the office has made of it.
    """

    CURRENT = "current"
    REPLACED = "replaced"
    FOREIGN = "foreign"
    BLOCKED = "blocked"
    VIRGIN = "virgin"


def standing_of(pairing: Pairing, meter: str, epoch_known: int) -> CardStanding:
    """What a card with this pairing is to `meter`, of which the epoch `epoch_known` is known (0: none)."""
    match pairing.state:
        case CardState.VIRGIN:
            return CardStanding.VIRGIN
        case CardState.BLOCKED:
            return CardStanding.BLOCKED
        case _:
            if pairing.meter != meter:
                return CardStanding.FOREIGN
            return CardStanding.CURRENT if pairing.epoch >= epoch_known else CardStanding.REPLACED


def next_epoch(epoch_known: int) -> int:
    """The pairing epoch of the next card of a meter. Raises RefusedError where no further one can be said."""
    if epoch_known >= EPOCH_MAX:
        raise RefusedError(f"pairing epoch {epoch_known} was the last one that a card can hold")
    return epoch_known + 1
