"""Makes a kiosk's home, the folder that is carried to its machine, and keeps it up to date (docs/kiosk.md).

A folder that is there and is this kiosk's home keeps its key: so `relance kiosk add` can be repeated, after a
kill and after the second person has signed.
"""

import shutil
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct
from msgspec.structs import replace

from cardreader.channel.keys import generation_key
from cardreader.kiosk.home import (
    FORM_FILE,
    ISSUERS_FILE,
    LIMITS_FILE,
    ROOT_FILE,
    BrokerPlace,
    CardsKey,
    KioskForm,
    KioskHome,
    cards_key_of,
    open_home,
    replace_cards_key,
    replace_form,
    replace_in_home,
    write_home,
)
from controller.broker.folder import grant_kiosk, has_broker
from controller.kiosks.rules import CardGenerations
from protocols.documents.envelope import Signer, read_envelope
from protocols.documents.issuers import read_issuers
from protocols.documents.kiosk_limits import read_limits
from protocols.documents.roles import read_root
from protocols.errors import InputError
from protocols.link.keys import kiosk_key

# Where a kiosk has its credentials for the broker, in its home.
BROKER_FOLDER: Final = "broker"


class HomeWish(Struct, frozen=True, kw_only=True):
    """What a kiosk's home is made of. `limits`: signed, for a home that is new."""

    kiosk: str
    office: str
    zone: str
    broker: BrokerPlace
    fleet_key: bytes
    generations: CardGenerations
    root: bytes
    issuers: bytes
    limits: bytes


def found_home(folder: Path, kiosk: str, office: str) -> KioskHome | None:
    """The home of this kiosk in a folder; None where there is none.

    Raises InputError where it is another kiosk's, or damaged.
    """
    if not (folder / FORM_FILE).exists():
        return None
    home = open_home(folder)
    if (home.form.kiosk, home.form.office) != (kiosk, office):
        raise InputError(f"{folder}: the home of kiosk {home.form.kiosk} at office {home.form.office}")
    return home


def make_home(folder: Path, wish: HomeWish) -> KioskHome:
    """A new home with a new key. Raises InputError where it cannot be written."""
    cards = _cards_key(wish)
    form = KioskForm(
        kiosk=wish.kiosk, office=wish.office, issuer=wish.office, zone=wish.zone, broker=wish.broker
    )
    home = KioskHome(
        form,
        Signer(Ed25519PrivateKey.generate()),
        cards,
        kiosk_key(wish.fleet_key, wish.kiosk),
        wish.root,
        wish.issuers,
        wish.limits,
    )
    return write_home(home, folder)


def freshen_home(home: KioskHome, wish: HomeWish, limits: bytes) -> KioskHome:
    """The home with the documents that are in force now; what it has of a later version stays.

    This store was restored then, or the kiosk's line has heard more. Raises InputError where it cannot be
    written, and DocumentError for a damaged file.
    """
    for name, now, wanted in (
        (ROOT_FILE, home.root, wish.root),
        (ISSUERS_FILE, home.issuers, wish.issuers),
        (LIMITS_FILE, home.limits, limits),
    ):
        if wanted and now != wanted and _version(name, wanted) >= _version(name, now):
            home = replace_in_home(home, name, wanted)
    if home.cards.generation < wish.generations.newest or home.cards.oldest < wish.generations.ended:
        home = replace_cards_key(home, _cards_key(wish))
    form = replace(home.form, broker=wish.broker, zone=wish.zone)
    return home if form == home.form else replace_form(home, form)


def _version(name: str, envelope: bytes) -> int:
    """Of a root, issuers or limits; 0: there is none."""
    if not envelope:
        return 0
    payload = read_envelope(envelope).payload
    if name == ROOT_FILE:
        return read_root(payload).version
    return read_issuers(payload).version if name == ISSUERS_FILE else read_limits(payload).version


def _cards_key(wish: HomeWish) -> CardsKey:
    return cards_key_of({each: generation_key(wish.fleet_key, each) for each in wish.generations.held})


def give_credentials(folder: Path, broker: Path, kiosk: str, passphrase: str) -> bool:
    """Put the kiosk's credentials for the broker into its home.

    False where `relance broker config` has made no broker here. Raises InputError as that does.
    """
    if not has_broker(broker):
        return False
    held = grant_kiosk(broker, kiosk, passphrase)
    place = folder / BROKER_FOLDER
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        for path in sorted(held.iterdir()):
            shutil.copy(path, place / path.name)
            (place / path.name).chmod(0o600)
    except OSError as error:
        raise InputError(f"{error.filename or place}: cannot be written: {error.strerror}") from None
    return True
