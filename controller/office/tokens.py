"""Keys on a token that speaks PKCS#11: a chip that signs, and from which nobody takes the key (design §5).

In the place of a key file the home has `HOLDER.token`: where the token's library is, which token, and which
key on it. The PIN stands where a passphrase stands. The key is made on the token and never was elsewhere.

Only Ed25519 (PKCS#11 v3.0, CKM_EDDSA): meters check nothing else. Many tokens have curves of NIST alone; such
a one is refused. This module needs the extra [token]; `office.keys` imports it when a key is on a token.
"""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Never, Protocol, TypeVar, cast

import pkcs11
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass, exceptions

from controller.office.token_place import TokenPlace, read_place
from protocols.documents.envelope import Signer
from protocols.errors import InputError, UnreachableError

T = TypeVar("T")

# OBJECT IDENTIFIER 1.3.101.112, id-Ed25519 (RFC 8410 §3), as CKA_EC_PARAMS has it.
_ED25519: Final = bytes.fromhex("06032b6570")
# CKA_EC_POINT is an OCTET STRING of 32 bytes (PKCS#11 v3.0 §2.3.5); some tokens leave out its header.
_POINT_HEADER: Final = bytes.fromhex("0420")
_PUBLIC_BYTES: Final = 32
_KEY_ID_BYTES: Final = 8


class _Signs(Protocol):
    """A private key as the library has it: what it can do depends on its mechanisms."""

    def sign(self, data: bytes, mechanism: Mechanism) -> bytes: ...


class TokenKey(Ed25519PrivateKey):
    """A private key on a token: it signs, and nobody gets it."""

    def __init__(self, held: _Signs, public: bytes, name: str) -> None:
        self._held = held
        self._public = Ed25519PublicKey.from_public_bytes(public)
        self._name = name

    def public_key(self) -> Ed25519PublicKey:
        return self._public

    def sign(self, data: bytes) -> bytes:  # type: ignore[override] # bytes are all that is signed
        """The token's signature. Raises UnreachableError where it is gone."""
        return _asked(lambda: bytes(self._held.sign(bytes(data), mechanism=Mechanism.EDDSA)), self._name)

    def private_bytes(self, *_given: object, **_more: object) -> Never:
        raise TypeError("a token hands out no key")

    def private_bytes_raw(self) -> Never:
        raise TypeError("a token hands out no key")

    def __copy__(self) -> "TokenKey":
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> "TokenKey":
        return self


def open_token_key(path: Path, pin: str) -> Signer:
    """The signer whose key is on the token that a file names.

    Raises InputError for a wrong PIN, a key that is not there or is no Ed25519 key, or another one than the
    file names; UnreachableError where there is no such token.
    """
    place = read_place(path)
    session = _session(place.module, place.token, pin, rw=False)
    name = f"token {place.token}"

    def find() -> tuple[_Signs, bytes]:
        chosen = {Attribute.ID: bytes.fromhex(place.key)}
        private = list(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY, **chosen}))
        public = list(session.get_objects({Attribute.CLASS: ObjectClass.PUBLIC_KEY, **chosen}))
        if len(private) != 1 or len(public) != 1:
            raise InputError(f"{path}: {name} has not the key {place.key}; was it deleted there?")
        return cast("_Signs", private[0]), _public_of(public[0], name)

    held, public = _asked(find, name)
    signer = Signer(TokenKey(held, public, name))
    if signer.keyid != place.keyid:
        raise InputError(f"{path}: the key on {name} is not the one that the file names")
    return signer


def make_token_key(module: str, token: str, holder: str, pin: str) -> tuple[Signer, TokenPlace]:
    """Make a new key on a token. It stays there and is marked so that it cannot be read.

    Raises InputError for a wrong PIN and for a token without Ed25519, UnreachableError where there is none.
    """
    session = _session(module, token, pin, rw=True)
    key, name = secrets.token_bytes(_KEY_ID_BYTES), f"token {token}"

    def make() -> tuple[_Signs, bytes]:
        curve = session.create_domain_parameters(
            KeyType.EC_EDWARDS, {Attribute.EC_PARAMS: _ED25519}, local=True
        )
        public, private = curve.generate_keypair(
            id=key,
            label=f"relance {holder}",
            store=True,
            mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
            private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
        )
        return cast("_Signs", private), _public_of(public, name)

    held, public = _asked(make, name)
    signer = Signer(TokenKey(held, public, name))
    return signer, TokenPlace(module=module, token=token, key=key.hex(), keyid=signer.keyid)


def _session(module: str, label: str, pin: str, *, rw: bool) -> pkcs11.Session:
    """A session of the person who knows the PIN, with a token that has Ed25519."""
    try:
        library = pkcs11.lib(module)
    except exceptions.PKCS11Error as error:
        raise InputError(f"{module}: no PKCS#11 library: {error}") from None
    try:
        token = library.get_token(token_label=label)
    except exceptions.NoSuchToken:
        # A slot with a token that nobody has initialised has no label.
        labels = {str(each.label).strip("\0 ") for each in library.get_tokens()} - {""}
        there = ", ".join(sorted(labels)) or "none"
        raise UnreachableError(f"token {label}: is not there; there are: {there}") from None
    except exceptions.MultipleTokensReturned:
        raise InputError(f"token {label}: several have this label; allowed: one") from None
    mechanisms = _asked(token.slot.get_mechanisms, f"token {label}")
    if Mechanism.EDDSA not in mechanisms:
        raise InputError(
            f"token {label}: it does not sign with Ed25519 (CKM_EDDSA), and meters check nothing else; "
            "allowed: a token that does"
        )

    def begin() -> pkcs11.Session:
        try:
            return token.open(rw=rw, user_pin=pin)
        except exceptions.UserAlreadyLoggedIn:
            # This program has given the PIN before, for another key on the token (PKCS#11 v3.0 §5.6.8).
            return token.open(rw=rw)

    return _asked(begin, f"token {label}")


def _public_of(key: Any, name: str) -> bytes:  # noqa: ANN401 # the library's public keys have no common type
    if key.key_type != KeyType.EC_EDWARDS or bytes(key[Attribute.EC_PARAMS]) != _ED25519:
        raise InputError(f"{name}: the key is no Ed25519 key, and meters check nothing else")
    point = bytes(key[Attribute.EC_POINT])
    public = point.removeprefix(_POINT_HEADER) if len(point) > _PUBLIC_BYTES else point
    if len(public) != _PUBLIC_BYTES:
        raise InputError(f"{name}: a public key of {len(public)} bytes; allowed: {_PUBLIC_BYTES}")
    return public


def _asked(what: Callable[[], T], name: str) -> T:
    """What the token answers, its errors in our words."""
    try:
        return what()
    except exceptions.PinIncorrect:
        raise InputError(f"{name}: wrong PIN; after a few of them it locks itself") from None
    except exceptions.PinLocked:
        raise InputError(f"{name}: its PIN is locked; whoever has its SO PIN unlocks it") from None
    except exceptions.PinLenRange:
        raise InputError(f"{name}: a PIN of a length that it does not have") from None
    except exceptions.MechanismInvalid:
        raise InputError(f"{name}: it makes no Ed25519 key; allowed: a token that does") from None
    except exceptions.PKCS11Error as error:
        raise UnreachableError(f"{name}: {type(error).__name__} {error}".rstrip()) from None
