"""Who holds which keys of a card, and what each may do."""

from enum import IntEnum, unique


@unique
class KeyHolder(IntEnum):
    """Whose key opens a session; the number stands on the card.

    The issuer makes cards. A kiosk's keys belong to a generation, which the controller rotates. A meter has
    keys for the cards that are paired with it. None of them makes anything true that the card carries.
    """

    ISSUER = 1
    KIOSK = 2
    METER = 3
