"""Who may act: the people and machines of the root in force, and what the one that waits changes of them."""

from enum import StrEnum, unique

from msgspec import Struct
from sqlmodel import Session

from controller.office.audit import founded_keys
from controller.office.root_store import keys_since, languages, proposed_root
from controller.roots.rules import RootChange, change_between, machines_of, roles_of
from protocols.documents.envelope import keyid_of, read_envelope
from protocols.documents.kind_rule import Role
from protocols.documents.roles import Root, read_root


@unique
class HowListed(StrEnum):
    """How somebody stands: `in force`, or with what waits for a second signature."""

    IN_FORCE = "in force"
    COMES = "comes"
    GOES = "goes"
    NEW_KEY = "new key"
    NEW_ROLES = "new roles"


class PersonView(Struct, frozen=True, kw_only=True):
    """A person or machine. `since_ms`: since when this key counts; None where it does not yet.

    `coming`: the keyid that waits; empty where none does.
    """

    name: str
    machine: bool
    roles: tuple[Role, ...]
    keyid: str
    since_ms: int | None
    language: str | None
    standing: HowListed
    coming: str = ""


def list_people(session: Session, root: Root) -> list[PersonView]:
    """All who hold a key, people first, then machines; those who only come stand last among the people."""
    waiting = proposed_root(session)
    change = (
        RootChange() if waiting is None else change_between(root, read_root(read_envelope(waiting).payload))
    )
    founded = founded_keys(session)
    # Keys that nobody noted came with the founding: before there were notes, no key could come later.
    first_ms = min(founded.values(), default=None)
    since = founded | keys_since(session)
    spoken, machines = languages(session), machines_of(root)
    found = [
        PersonView(
            name=key.holder,
            machine=key.holder in machines,
            roles=_sorted(roles_of(root, key.holder)),
            keyid=keyid,
            since_ms=since.get(keyid, first_ms),
            language=spoken.get(key.holder),
            standing=_standing(change, key.holder),
            coming=_keyid(change.rotated[key.holder]) if key.holder in change.rotated else "",
        )
        for keyid, key in root.keys.items()
    ]
    come = [
        PersonView(
            name=each.name,
            machine=False,
            roles=_sorted(each.roles),
            keyid=_keyid(each.public),
            since_ms=None,
            language=spoken.get(each.name),
            standing=HowListed.COMES,
        )
        for each in change.added
    ]
    return sorted(found + come, key=lambda each: (each.machine, each.standing is HowListed.COMES, each.name))


def _standing(change: RootChange, name: str) -> HowListed:
    if name in change.dropped:
        return HowListed.GOES
    if name in change.rotated:
        return HowListed.NEW_KEY
    return HowListed.NEW_ROLES if name in change.roles else HowListed.IN_FORCE


def _sorted(roles: frozenset[Role]) -> tuple[Role, ...]:
    return tuple(role for role in Role if role in roles)


def _keyid(public: str) -> str:
    return keyid_of(bytes.fromhex(public))
