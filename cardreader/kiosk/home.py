"""A kiosk's home: the folder with its keys and documents, which the controller makes.

A kiosk is a station of its own. It holds its own key, the card keys of its generation, a MAC key for its
words, and copies of signed documents; never the fleet key, and never a way to the controller's database.
`kiosk.json` is written last: a folder without it is no home, so one that was begun and killed is made anew.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from msgspec import Meta, Struct

from cardreader.channel.keys import generation_key
from cardreader.issuing.practice import HOLDERS, practice_key, practice_secret, practice_signer
from cardreader.readers.locked_file import replaced
from protocols.decoding import read_json
from protocols.documents.bodies import Id
from protocols.documents.envelope import Signer, read_envelope
from protocols.documents.issuers import Issuer, Issuers, read_issuers
from protocols.documents.kind_rule import Role
from protocols.documents.roles import Root, read_root
from protocols.errors import DocumentError, InputError, RefusedError
from protocols.limits import KIOSK_GENERATIONS_MAX, PAYLOAD_BYTES_MAX, REV_MAX
from protocols.reasons import Language

FORM_FILE: Final = "kiosk.json"
KEY_FILE: Final = "kiosk.key"
CARDS_FILE: Final = "cards.key"
WORDS_FILE: Final = "words.key"
ROOT_FILE: Final = "root.json"
ISSUERS_FILE: Final = "issuers.json"
LIMITS_FILE: Final = "limits.json"
STORE_FILE: Final = "kiosk.db"

# The issuer of practice: in epoch 0, since meters for practice hold no issuers document.
PRACTICE_ISSUER: Final = "practice-kiosk"
_KEY_CHARS: Final = 64

T = TypeVar("T")

HexKey = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]


class BrokerPlace(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the controller's broker is. `tls`: the kiosk asks it for its certificate."""

    host: Annotated[str, Meta(min_length=1, max_length=253)]
    port: Annotated[int, Meta(ge=1, le=65_535)] = 8883
    tls: bool = True


class KioskForm(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`kiosk.json`: who this kiosk is. Nothing in it is secret.

    `issuer`: in whose name its key signs statements; `issuers.json` says in which epoch, and whether meters
    take them. `epoch` says nothing: homes of before have it. `zone`: of the office, by its IANA name.
    `broker` None: the kiosk works without a line. `phone`: of the call centre, for tickets; empty: they name
    none.
    """

    kiosk: Id
    office: Id
    issuer: Id
    epoch: Annotated[int, Meta(ge=0, le=REV_MAX)] = 0
    zone: Annotated[str, Meta(min_length=1, max_length=64)] = "Europe/Brussels"
    broker: BrokerPlace | None = None
    languages: Annotated[tuple[Language, ...], Meta(min_length=1)] = tuple(Language)
    phone: Annotated[str, Meta(max_length=32)] = ""
    v: Literal[1] = 1


class GenerationKey(Struct, frozen=True, forbid_unknown_fields=True):
    """The key of one generation of kiosks (`channel.keys.generation_key`), as hex."""

    generation: Annotated[int, Meta(ge=0, le=65_535)]
    key: HexKey

    @property
    def secret(self) -> bytes:
        """The key itself."""
        return bytes.fromhex(self.key)


class CardsKey(GenerationKey, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`cards.key`: the key of the newest generation that the kiosk was given, and those before it.

    `earlier`: the newest first. They open cards that have not got the newest one yet: a card may come to
    another kiosk than the one at which its letter waits.
    """

    earlier: Annotated[tuple[GenerationKey, ...], Meta(max_length=KIOSK_GENERATIONS_MAX - 1)] = ()

    @property
    def all(self) -> tuple[GenerationKey, ...]:
        """All of them, the newest first."""
        return (GenerationKey(self.generation, self.key), *self.earlier)

    @property
    def oldest(self) -> int:
        """The oldest generation that the kiosk holds."""
        return min(each.generation for each in self.all)


def cards_key_of(secrets: Mapping[int, bytes]) -> CardsKey:
    """The keys of these generations; of too many the newest ones."""
    kept = [GenerationKey(each, secrets[each].hex()) for each in sorted(secrets, reverse=True)]
    first, *earlier = kept[:KIOSK_GENERATIONS_MAX]
    return CardsKey(first.generation, first.key, tuple(earlier))


@dataclass(frozen=True, slots=True)
class KioskHome:
    """A kiosk's home as it was read, or as it is to be written.

    `root`, `issuers`, `limits`: signed envelopes, as bytes; `root` is empty in practice, the others where
    there is none. `folder` None: in practice nothing but a store is kept. `practice`: the seed of practice;
    empty: a real home.
    """

    form: KioskForm
    signer: Signer
    cards: CardsKey = field(repr=False)
    words_key: bytes = field(repr=False)
    root: bytes = b""
    issuers: bytes = b""
    limits: bytes = b""
    folder: Path | None = None
    practice: str = ""

    @property
    def store(self) -> Path:
        """The file of its store. Raises InputError in practice, where the caller says which file."""
        if self.folder is None:
            raise InputError("practice has no home; allowed: the name of a store")
        return self.folder / STORE_FILE

    def known_root(self) -> Root | None:
        """The root that is in force here; None in practice. Raises DocumentError."""
        return read_root(read_envelope(self.root).payload) if self.root else None

    def known_issuers(self) -> Issuers | None:
        """The issuers in force here; None where the home names none. Raises DocumentError."""
        return read_issuers(read_envelope(self.issuers).payload) if self.issuers else None

    def epoch(self) -> int:
        """The epoch in which its statements count, 0 in practice; raises RefusedError as `own_issuer`."""
        own = self.own_issuer()
        return 0 if own is None else own.epoch

    def own_issuer(self) -> Issuer | None:
        """What the issuers document says of the kiosk; None in practice.

        Raises RefusedError where no meter would take its statements: nobody names it, or it is named with
        another key. So no money is taken that no meter credits.
        """
        if self.practice:
            return None
        known, name = self.known_issuers(), self.form.issuer
        found = None if known is None else known.of(name)
        if found is None:
            raise RefusedError(f"issuer {name}: the office does not name it (any more): no meter takes it")
        if found.public != self.signer.public.hex():
            raise RefusedError(
                f"issuer {name}: the office names it with another key: no meter takes this one"
            )
        return found


def practice_home(seed: str, generation: int = 1) -> KioskHome:
    """The kiosk of practice of this seed: everybody can make its keys, so no real meter takes its word."""
    fleet = practice_key(seed)
    return KioskHome(
        KioskForm(kiosk=PRACTICE_ISSUER, office="practice", issuer=PRACTICE_ISSUER, epoch=0),
        practice_signer(seed, HOLDERS[Role.PROTECT][0]),
        CardsKey(generation, generation_key(fleet, generation).hex()),
        practice_secret(seed, f"kiosk/{PRACTICE_ISSUER}"),
        practice=seed,
    )


def write_home(home: KioskHome, folder: Path) -> KioskHome:
    """Makes the folder of a kiosk, readable by its owner alone; returns the home with its folder.

    Raises InputError where there is a home already, or the folder cannot be written.
    """
    if (folder / FORM_FILE).exists():
        raise InputError(f"{folder}: a kiosk's home already; allowed: a new folder")
    pem = home.signer.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    files = {
        KEY_FILE: pem,
        CARDS_FILE: msgspec.json.encode(home.cards),
        WORDS_FILE: home.words_key.hex().encode() + b"\n",
        ROOT_FILE: home.root,
        ISSUERS_FILE: home.issuers,
        LIMITS_FILE: home.limits,
        FORM_FILE: msgspec.json.encode(home.form),
    }
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        for name, data in files.items():
            if data:
                _replace(folder / name, data)
    except OSError as error:
        raise InputError(f"{error.filename or folder}: cannot be written: {error.strerror}") from None
    return replace(home, folder=folder)


def replace_in_home(home: KioskHome, name: str, data: bytes) -> KioskHome:
    """Puts a newer document in the place of `name` (root, issuers or limits); returns the home with it.

    The caller has checked its signatures. Raises InputError where it cannot be written.
    """
    part = {ROOT_FILE: "root", ISSUERS_FILE: "issuers", LIMITS_FILE: "limits"}[name]
    _write(home, name, data)
    return replace(home, **{part: data})  # type: ignore[arg-type] # each of the three is bytes


def replace_cards_key(home: KioskHome, cards: CardsKey) -> KioskHome:
    """Puts keys of other generations in the place of the present ones. Raises InputError."""
    _write(home, CARDS_FILE, msgspec.json.encode(cards))
    return replace(home, cards=cards)


def replace_form(home: KioskHome, form: KioskForm) -> KioskHome:
    """Puts another form in the place of the present one, such as one with a new epoch. Raises InputError."""
    _write(home, FORM_FILE, msgspec.json.encode(form))
    return replace(home, form=form)


def open_home(folder: Path) -> KioskHome:
    """The home in this folder. Raises InputError for a file that is missing or is not what it must be."""
    form = _decoded(folder / FORM_FILE, msgspec.json.Decoder(KioskForm))
    cards = _decoded(folder / CARDS_FILE, msgspec.json.Decoder(CardsKey))
    words = _content(folder / WORDS_FILE).strip()
    root, issuers = _content(folder / ROOT_FILE), _optional(folder / ISSUERS_FILE)
    try:
        words_key = bytes.fromhex(words.decode("ascii"))
    except ValueError:
        words_key = b""
    if len(words) != _KEY_CHARS or len(words_key) != _KEY_CHARS // 2:
        raise InputError(f"{folder / WORDS_FILE}: no key; allowed: {_KEY_CHARS} hex digits")
    home = KioskHome(
        form,
        _signer(folder / KEY_FILE),
        cards,
        words_key,
        root,
        issuers,
        _optional(folder / LIMITS_FILE),
        folder,
    )
    if not root:
        raise InputError(f"{folder / ROOT_FILE}: empty; allowed: the root, as the controller's home has it")
    for name, read in ((ROOT_FILE, home.known_root), (ISSUERS_FILE, home.known_issuers)):
        try:
            read()
        except DocumentError as error:
            raise InputError(f"{folder / name}: {error}") from None
    return home


def _signer(path: Path) -> Signer:
    try:
        private = load_pem_private_key(_content(path), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        private = None
    if not isinstance(private, Ed25519PrivateKey):
        raise InputError(f"{path}: no Ed25519 key without passphrase; the controller makes it")
    return Signer(private)


def _decoded(path: Path, decoder: "msgspec.json.Decoder[T]") -> T:
    try:
        return read_json(decoder, _content(path), path.name)
    except DocumentError as error:
        raise InputError(f"{path.parent}: {error}") from None


def _optional(path: Path) -> bytes:
    return _content(path) if path.exists() else b""


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(PAYLOAD_BYTES_MAX + 1)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; the controller makes a kiosk's home") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > PAYLOAD_BYTES_MAX:
        raise InputError(f"{path}: too long; allowed: {PAYLOAD_BYTES_MAX} bytes")
    return data


def _write(home: KioskHome, name: str, data: bytes) -> None:
    if home.folder is None:
        raise InputError("practice has no home; nothing is kept")
    path = home.folder / name
    try:
        _replace(path, data)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None


def _replace(path: Path, data: bytes) -> None:
    """The file holds the old content or the new one, whatever is killed; only its owner reads it."""
    os.close(replaced(path, data))
