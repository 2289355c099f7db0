"""Who may do what: the root document, and whether an envelope's signers suffice (design §5).

The root maps key ids to `{public, holder}` and roles to thresholds. A threshold counts *distinct
holders*, never signatures or keys: two keys of one person are one person. A signature counts for a
role only where the role lists its key; no role implies another, so that the root says in one place
all that a key can do. An expired root ends harm and leases, never protection.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from protocols.decoding import read_json
from protocols.documents.bodies import Digest, Id, Rev
from protocols.documents.envelope import keyid_of, read_envelope, valid_keyids
from protocols.documents.kind_rule import Role
from protocols.errors import DocumentError
from protocols.limits import KEYS_MAX
from protocols.reasons import Refusal, Source
from protocols.spans import InstantMs

ROOT_TYPE: Final = "application/vnd.relance.root+json"

# Acts that always need two people, whatever a root demands (design §5).
_PEOPLE_MIN: Final = {Role.ROOT: 2, Role.HARM: 2}
# Roles of machines; their keys never stand for a person.
_MACHINES: Final = frozenset({Role.LEASE, Role.TIME})
_SHORT_FORM: Final = 2
# In base64 it leaves room for `SIGNATURES_MAX` signatures in a message of `PAYLOAD_BYTES_MAX`.
_LONG_FORM_BYTES_MAX: Final = 11_000
# What an expired root still permits. The expiry is judged by the meter's date, and a signed time corrects
# that date: so the date must not decide whether the time is accepted.
_NEVER_EXPIRES: Final = frozenset({Role.PROTECT, Role.TIME, Role.ROOT})


class Key(Struct, frozen=True, forbid_unknown_fields=True):
    """A raw Ed25519 public key as hex, and the person or machine that holds its private half."""

    public: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
    holder: Id


class RoleKeys(Struct, frozen=True, forbid_unknown_fields=True):
    """The keys that may act in a role, and how many distinct holders must."""

    threshold: Annotated[int, Meta(ge=1, le=KEYS_MAX)]
    keyids: Annotated[tuple[Digest, ...], Meta(min_length=1, max_length=KEYS_MAX)]


class Root(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The root document. Nobody can act in a role that it does not name."""

    version: Rev
    expires_ms: InstantMs
    keys: Annotated[dict[Digest, Key], Meta(max_length=KEYS_MAX)]
    roles: dict[Role, RoleKeys]
    v: Literal[1] = 1


class ShortRoleKeys(Struct, frozen=True, forbid_unknown_fields=True):
    """As `RoleKeys`; `keys` are the places of its keys in the root's list, from 0."""

    threshold: Annotated[int, Meta(ge=1, le=KEYS_MAX)]
    keys: Annotated[
        tuple[Annotated[int, Meta(ge=0, lt=KEYS_MAX)], ...], Meta(min_length=1, max_length=KEYS_MAX)
    ]


class ShortRoot(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A root of many keys on its way: the keyids, which follow from the public keys, are left out."""

    version: Rev
    expires_ms: InstantMs
    keys: Annotated[tuple[Key, ...], Meta(max_length=KEYS_MAX)]
    roles: dict[Role, ShortRoleKeys]
    v: Literal[2] = 2


class _Form(Struct):
    v: int = 1


class SignedBy(NamedTuple):
    """A key that signed a document: the person who holds it, and its keyid; empty where nobody noted it."""

    holder: str
    keyid: str


@dataclass(frozen=True, slots=True)
class Signed:
    """A payload, and the keys of the root whose signatures of it are valid. What they may do: `meets`."""

    payload: bytes
    payload_type: str
    keyids: frozenset[str]
    root: Root

    def holders(self, role: Role) -> frozenset[str]:
        """The distinct holders who have signed with a key that the root lists for `role`."""
        return _holders(self.keyids, self.root, role)

    def signers(self, role: Role) -> tuple[SignedBy, ...]:
        """The keys, with their holders, that have signed and that the root lists for `role`, by name."""
        return signers_of(self.keyids, self.root, role)


_roots: msgspec.json.Decoder[Root] = msgspec.json.Decoder(Root)
_short_roots: msgspec.json.Decoder[ShortRoot] = msgspec.json.Decoder(ShortRoot)
_forms: msgspec.json.Decoder[_Form] = msgspec.json.Decoder(_Form)


def read_root(payload: bytes) -> Root:
    """A root from its signed bytes. Raises DocumentError if it is malformed or contradicts itself."""
    short = read_json(_forms, payload, "root").v == _SHORT_FORM
    root = (
        _from_short(read_json(_short_roots, payload, "root")) if short else read_json(_roots, payload, "root")
    )
    _check(root)
    return root


def open_first_root(envelope: bytes) -> Root:
    """The first root, which a program trusts because it is given: signed by as many people as it demands.

    Raises DocumentError if it is malformed or has too few signers.
    """
    root = read_root(read_envelope(envelope).payload)
    if not meets(open_signed(envelope, root, ROOT_TYPE), root, Role.ROOT):
        raise DocumentError("root: not signed by as many people as it demands")
    return root


def write_root(root: Root) -> bytes:
    """The bytes of a root that are to be signed. Raises DocumentError like `read_root`.

    A root that would not fit a message with all its signatures takes the short form, which firmware before
    0.2 cannot read.
    """
    payload = msgspec.json.encode(root, order="deterministic")
    read_root(payload)
    if len(payload) <= _LONG_FORM_BYTES_MAX:
        return payload
    return msgspec.json.encode(_to_short(root), order="deterministic")


def open_signed(data: bytes, root: Root, payload_type: str) -> Signed:
    """The payload of an envelope with its valid signers; there may be none.

    Raises DocumentError if the envelope is malformed or holds another type of document.
    """
    envelope = read_envelope(data)
    if envelope.payload_type != payload_type:
        raise DocumentError(f"envelope: payloadType {envelope.payload_type!r}; expected {payload_type!r}")
    public_keys = {
        each.keyid: bytes.fromhex(root.keys[each.keyid].public)
        for each in envelope.signatures
        if each.keyid in root.keys
    }
    return Signed(envelope.payload, envelope.payload_type, valid_keyids(envelope, public_keys), root)


def meets(signed: Signed, root: Root, role: Role) -> bool:
    """Whether enough distinct holders of `role` have signed."""
    rule = root.roles.get(role)
    return rule is not None and len(_holders(signed.keyids, root, role)) >= rule.threshold


def signers_of(keyids: Collection[str], root: Root, role: Role) -> tuple[SignedBy, ...]:
    """The keys among `keyids` that the root lists for `role`, with their holders, by name."""
    rule = root.roles.get(role)
    listed: tuple[str, ...] = () if rule is None else rule.keyids
    return tuple(sorted(SignedBy(root.keys[keyid].holder, keyid) for keyid in listed if keyid in keyids))


def root_allows(root: Root, role: Role, latest_ms: int | None) -> bool:
    """Whether the root's age lets `role` act, with true time at most `latest_ms` (None: unbounded).

    Harm and leases need a root that is valid at every instant of the clock's interval.
    """
    return role in _NEVER_EXPIRES or (latest_ms is not None and latest_ms < root.expires_ms)


def accept_root(new_envelope_bytes: bytes, current: Root) -> Root | Refusal:
    """The next root: its signers must satisfy both the current root and the new one.

    The version must be higher, by one or by more: a meter that has missed a root may skip it, since the
    signers must satisfy the root that this meter trusts. The age of the current root does not matter:
    otherwise an expired one could never be replaced. Raises DocumentError if the document is malformed.
    """
    signed = open_signed(new_envelope_bytes, current, ROOT_TYPE)
    new = read_root(signed.payload)
    if new.version <= current.version:
        return Refusal.STALE_REV
    signed_by_its_own = open_signed(new_envelope_bytes, new, ROOT_TYPE)
    if not (meets(signed, current, Role.ROOT) and meets(signed_by_its_own, new, Role.ROOT)):
        return Refusal.TOO_FEW_SIGNERS
    return new


def time_source(signed: Signed, root: Root) -> Source | None:
    """The authority that signed a time: the holder's name. None unless it is exactly one.

    Two signatures under one time are not two witnesses, and a claim must have one source.
    """
    holders = _holders(signed.keyids, root, Role.TIME)
    return Source(min(holders)) if len(holders) == 1 else None


def _to_short(root: Root) -> ShortRoot:
    places = {keyid: place for place, keyid in enumerate(root.keys)}
    return ShortRoot(
        version=root.version,
        expires_ms=root.expires_ms,
        keys=tuple(root.keys.values()),
        roles={
            role: ShortRoleKeys(rule.threshold, tuple(places[keyid] for keyid in rule.keyids))
            for role, rule in root.roles.items()
        },
    )


def _from_short(short: ShortRoot) -> Root:
    """The root that is meant. Raises DocumentError for a key listed twice, or a place without a key."""
    keyids = [keyid_of(bytes.fromhex(key.public)) for key in short.keys]
    if len(set(keyids)) < len(keyids):
        raise DocumentError("root: keys: a key is listed twice")
    if any(place >= len(keyids) for rule in short.roles.values() for place in rule.keys):
        raise DocumentError("root: roles: a place without a key")
    return Root(
        version=short.version,
        expires_ms=short.expires_ms,
        keys=dict(zip(keyids, short.keys, strict=True)),
        roles={
            role: RoleKeys(rule.threshold, tuple(keyids[place] for place in rule.keys))
            for role, rule in short.roles.items()
        },
    )


def _holders(keyids: frozenset[str], root: Root, role: Role) -> frozenset[str]:
    rule = root.roles.get(role)
    listed: tuple[str, ...] = () if rule is None else rule.keyids
    return frozenset(root.keys[keyid].holder for keyid in listed if keyid in keyids)


def _check(root: Root) -> None:
    for keyid, key in root.keys.items():
        if keyid != keyid_of(bytes.fromhex(key.public)):
            raise DocumentError(f"root: keys: {keyid} is not the SHA-256 of its public key")
    for role in sorted(_PEOPLE_MIN.keys() - root.roles.keys()):
        raise DocumentError(f"root: roles: {role} is missing")
    for role, rule in root.roles.items():
        _check_role(role, rule, root.keys)
    machines = {keyid for role in _MACHINES & root.roles.keys() for keyid in root.roles[role].keyids}
    for role in sorted(_PEOPLE_MIN):
        if not machines.isdisjoint(root.roles[role].keyids):
            raise DocumentError(f"root: roles: {role} lists a key of a machine (lease or time)")


def _check_role(role: Role, rule: RoleKeys, keys: Mapping[str, Key]) -> None:
    where = f"root: roles: {role}"
    for keyid in rule.keyids:
        if keyid not in keys:
            raise DocumentError(f"{where}: no key {keyid}")
    if len(set(rule.keyids)) < len(rule.keyids):
        raise DocumentError(f"{where}: a key is listed twice")
    holders = {keys[keyid].holder for keyid in rule.keyids}
    if rule.threshold < _PEOPLE_MIN.get(role, 1):
        raise DocumentError(f"{where}: threshold {rule.threshold}; at least {_PEOPLE_MIN[role]}")
    if rule.threshold > len(holders):
        raise DocumentError(f"{where}: threshold {rule.threshold}, but only {len(holders)} holders")
    if role is Role.TIME:
        if rule.threshold != 1:
            raise DocumentError(f"{where}: threshold {rule.threshold}; each authority speaks for itself: 1")
        for holder in sorted(holders - set(Source)):
            raise DocumentError(f"{where}: holder {holder!r}; allowed: {', '.join(Source)}")
