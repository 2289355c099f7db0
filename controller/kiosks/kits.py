"""The office makes the kit of one card for one kiosk, and writes down who did (decision 0073).

A kit is made with the fleet key; so its card is one that a meter obeys as that of its household. What a kit
says of the meter is looked up here: a person types a serial number, and no pairing epoch from memory.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct
from sqlmodel import Session

from cardreader.files.identity import EPOCH_MAX
from cardreader.issuing.kit import CardOrder, make_kit
from cardreader.issuing.kit_files import seal_kit
from controller.database.key_tables import ProvenKeyRow
from controller.database.kiosk_tables import CardMeterRow, KioskRow
from controller.database.tables import MeterRow
from controller.kiosks.rules import CardGenerations
from controller.kiosks.store import generations_in, kiosk_of, status_said
from controller.meters.behind import household_at, meter_of
from controller.meters.retired import check_in_fleet
from controller.office.audit import AuditAct, record
from controller.office.sealed_store import keep_sealed, sealed
from controller.orders.acting import Act
from protocols.errors import InputError, RefusedError
from protocols.link.keys import FIRST_GENERATION, kiosk_key
from protocols.reasons import Energy


class KitWish(Struct, frozen=True, kw_only=True):
    """What a person asks for. `meter`: its name, or the household's EAN. `serial`: of the new card.

    `epoch`: None: the one after the meter's last card. `energy`: None: as the meter or the DSO's file says.
    `letters`: the key letters that the card took already. `fleet_generation`: of the fleet's key with which
    the meter was made; None: as it has proved, and the last one of a meter that never spoke.
    """

    kiosk: str
    meter: str
    serial: bytes
    reference: str = ""
    epoch: int | None = None
    energy: Energy | None = None
    letters: int = 0
    fleet_generation: int | None = None


class KitMade(Struct, frozen=True, kw_only=True):
    """A kit as a file. `before`: of the card that the meter has read last; 0: of none.

    `fleet_generation`: as in the wish.
    """

    data: bytes
    meter: str
    epoch: int
    energy: Energy
    before: int
    fleet_generation: int


class _LastKit(Struct, frozen=True):
    """The last kit of a meter: its card's serial number as hex, and the pairing epoch of that card."""

    card: str
    epoch: int


_last: Final = msgspec.json.Decoder(_LastKit)


def make_kiosk_kit(act: Act, wish: KitWish, secrets: Mapping[int, bytes], nonce: bytes) -> KitMade:
    """The kit of this card; the same card again has the same pairing epoch.

    `secrets`: the fleet's key by its generations. `nonce`: never used before. Raises RefusedError for a kiosk
    that is revoked or not there, a meter that is not in the fleet, and an epoch that its meter would refuse;
    InputError where nobody knows the energy.
    """
    kiosk, session = kiosk_of(act.session, wish.kiosk), act.session
    if kiosk.revoked_ms is not None:
        raise RefusedError(f"kiosk {kiosk.id}: is revoked, for good")
    meter = meter_of(session, wish.meter)
    check_in_fleet(session, [meter])
    energy = wish.energy or _energy(session, meter)
    card, known = wish.serial.hex(), session.get(CardMeterRow, meter)
    last = _last_kit(session, meter)
    spoken = 0 if known is None else known.pairing
    lowest = spoken if known is not None and known.card == card else spoken + 1
    is_again = last.card == card and last.epoch >= lowest
    epoch = wish.epoch or (last.epoch if is_again else max(spoken, last.epoch) + 1)
    if not lowest <= epoch <= EPOCH_MAX:
        raise RefusedError(
            f"pairing epoch {epoch}: meter {meter} has read a card of {spoken}, which would serve as well; "
            f"allowed: {lowest} to {EPOCH_MAX}"
        )
    generation = _generation(kiosk, generations_in(session))
    order = CardOrder(wish.serial, energy, meter, epoch, wish.reference, generation)
    made_with = wish.fleet_generation or _generation_of(session, meter, secrets)
    if made_with not in secrets:
        raise InputError(f"--fleet-generation: {made_with}; allowed: {min(secrets)} to {max(secrets)}")
    fleet_key = secrets[FIRST_GENERATION]
    kit = make_kit(fleet_key, order, wish.letters, secrets[made_with])
    keep_sealed(session, _name(meter), msgspec.json.encode(_LastKit(card, epoch)))
    record(
        session,
        act.now_ms,
        act.actor.name,
        AuditAct.KIT,
        f"meter/{meter}",
        kiosk=kiosk.id,
        card=card,
        epoch=epoch,
    )
    data = seal_kit(kit, kiosk.id, kiosk_key(fleet_key, kiosk.id), nonce)
    return KitMade(
        data=data, meter=meter, epoch=epoch, energy=energy, before=spoken, fleet_generation=made_with
    )


def _energy(session: Session, meter: str) -> Energy:
    """As the meter says, else as the DSO's file does. Raises RefusedError, InputError."""
    row, household = session.get(MeterRow, meter), household_at(session, meter)
    if row is None and household is None:
        raise RefusedError(f"meter {meter}: no such meter, and no household of that name")
    said = (row and row.energy) or (household and household.energy)
    if not said:
        raise InputError(f"--energy: missing; nobody has said the energy of meter {meter}")
    return Energy(said)


def _generation_of(session: Session, meter: str, secrets: Mapping[int, bytes]) -> int:
    """The generation of the fleet's key with which a meter was made: its cards open with that one."""
    if session.get(MeterRow, meter) is None:
        return max(secrets)
    proven = session.get(ProvenKeyRow, f"meter/{meter}")
    return FIRST_GENERATION if proven is None else proven.made


def _generation(kiosk: KioskRow, generations: CardGenerations) -> int:
    """The newest card keys that this kiosk has said it holds, and that are not shut out; else the newest.

    With later ones the kiosk could make the card, and not open it.
    """
    status = status_said(kiosk)
    held = 0 if status is None else status.generation
    return held if generations.shut <= held and held in generations.held else generations.newest


def _last_kit(session: Session, meter: str) -> _LastKit:
    found = sealed(session, _name(meter))
    return _LastKit("", 0) if found is None else _last.decode(found)


def _name(meter: str) -> str:
    return f"kiosks/kits/{meter}"
