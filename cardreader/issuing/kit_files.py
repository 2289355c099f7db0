"""A kit as a file, from the office to one kiosk: whoever else finds it learns nothing, and changes nothing.

The office holds the fleet key, and with it the key of each kiosk's words. A kit is sealed under a key that is
derived from that one for kits alone (AES-256-GCM, NIST SP 800-38D); what people read of it beside that is
bound to it. So a kiosk makes the cards for which the office has made it a kit, and no others. Pure.
"""

from typing import Annotated, Final, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Meta, Struct

from cardreader.channel.keys import ISSUER_VERSION, KeySet
from cardreader.channel.scp03 import StaticKeys
from cardreader.files.access import KeyHolder
from cardreader.files.identity import EPOCH_MAX, REFERENCE_CHARS, CardIdentity, CardState, Pairing
from cardreader.issuing.kit import IssuingKit
from protocols.decoding import read_json
from protocols.documents.bodies import Id
from protocols.errors import DocumentError
from protocols.link.keys import kits_key
from protocols.reasons import Energy

# A file has two letters of a hundred bytes each.
KIT_BYTES_MAX: Final = 4_096
NONCE_BYTES: Final = 12
_LETTERS_MAX: Final = 8

_Key = Annotated[bytes, Meta(min_length=16, max_length=16)]


class KitFacts(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What everybody may read of a kit: for which kiosk, which card and which household it is."""

    kiosk: Id
    card: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$(?!\n)")]
    meter: Id
    epoch: Annotated[int, Meta(ge=1, le=EPOCH_MAX)]
    energy: Energy
    reference: Annotated[str, Meta(pattern=rf"^([0-9]{{{REFERENCE_CHARS}}})?$(?!\n)")] = ""
    v: Literal[1] = 1


class KitFile(Struct, frozen=True, forbid_unknown_fields=True):
    """The file, as JSON. `sealed`: the keys of the card, and its letters."""

    facts: KitFacts
    nonce: Annotated[bytes, Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]
    sealed: Annotated[bytes, Meta(max_length=KIT_BYTES_MAX)]


class _Secrets(Struct, frozen=True, array_like=True):
    enc: _Key
    mac: _Key
    dek: _Key
    letters: Annotated[tuple[tuple[int, bytes], ...], Meta(max_length=_LETTERS_MAX)]


_encoder: Final = msgspec.json.Encoder()
_files: msgspec.json.Decoder[KitFile] = msgspec.json.Decoder(KitFile)
_secrets: msgspec.json.Decoder[_Secrets] = msgspec.json.Decoder(_Secrets)


def seal_kit(kit: IssuingKit, kiosk: str, words_key: bytes, nonce: bytes) -> bytes:
    """The kit as the file for this kiosk. `words_key`: of its words. `nonce`: never used before with it."""
    pairing, identity = kit.pairing, kit.identity
    facts = KitFacts(
        kiosk=kiosk,
        card=identity.serial.hex(),
        meter=pairing.meter,
        epoch=pairing.epoch,
        energy=identity.energy,
        reference=pairing.reference,
    )
    keys = kit.issuer.static
    plain = _encoder.encode(_Secrets(keys.enc, keys.mac, keys.dek, kit.letters))
    sealed = AESGCM(kits_key(words_key)).encrypt(nonce, plain, _encoder.encode(facts))
    return _encoder.encode(KitFile(facts, nonce, sealed)) + b"\n"


def read_kit_facts(data: bytes) -> KitFacts:
    """For whom a kit is. Raises DocumentError for what is no kit; nothing is checked yet."""
    return read_json(_files, data, "kit").facts


def open_kit(data: bytes, kiosk: str, words_key: bytes) -> IssuingKit:
    """The kit in a file. Raises DocumentError for that of another kiosk, a changed one, and garbage."""
    file = read_json(_files, data, "kit")
    facts = file.facts
    if facts.kiosk != kiosk:
        raise DocumentError(f"kit: it is for kiosk {facts.kiosk}, and this is {kiosk}")
    try:
        plain = AESGCM(kits_key(words_key)).decrypt(file.nonce, file.sealed, _encoder.encode(facts))
    except InvalidTag:
        raise DocumentError("kit: changed, or not made by the office of this kiosk") from None
    held = read_json(_secrets, plain, "kit")
    serial = bytes.fromhex(facts.card)
    return IssuingKit(
        CardIdentity(serial, facts.energy),
        Pairing(CardState.PAIRED, facts.epoch, facts.meter, facts.reference),
        KeySet(KeyHolder.ISSUER, ISSUER_VERSION, 0, StaticKeys(held.enc, held.mac, held.dek)),
        held.letters,
    )
