"""Cards in a scenario file: `card_in`, `card_out` and `kiosk` (design §9)."""

from typing import Final, get_args

from emulator.forms.fields import Fields
from emulator.forms.problems import shown
from emulator.scenario.model import CardInSpec, KioskAct, KioskSpec
from protocols.limits import TOP_UP_EUR_MAX, TOP_UP_EUR_MIN
from protocols.units import UEUR_PER_EUR

# A card that nobody has pulled out after ten minutes is not pulled out.
_PULL_AFTER_MS_MAX: Final = 600_000
_ACTS: Final[tuple[KioskAct, ...]] = get_args(KioskAct)
# Which arguments each act needs.
_NAMED: Final = {"topup", "reactivate"}


def read_card_in(given: Fields) -> CardInSpec:
    """A card is put into the meter's slot."""
    pulled = given.has("pull_after_ms")
    return CardInSpec(
        card=given.text("card", ""),
        pull_after_ms=given.integer("pull_after_ms", 0, _PULL_AFTER_MS_MAX) if pulled else None,
    )


def read_kiosk(given: Fields) -> KioskSpec:
    """What is done at a kiosk: `act` says it, since `do` is the event's own name."""
    act = given.one_of("act", _ACTS)
    name = given.identifier("id") if act in _NAMED else ""
    amount_ueur = given.ueur("eur", 0, TOP_UP_EUR_MAX) if act == "topup" else 0
    if act == "topup" and given.right("eur") and amount_ueur < TOP_UP_EUR_MIN * UEUR_PER_EUR:
        allowed = f"from {TOP_UP_EUR_MIN} to {TOP_UP_EUR_MAX} euro at a kiosk"
        given.refuse("eur", shown(given.value("eur")), allowed)
    return KioskSpec(act, name, amount_ueur, given.text("card", ""))
