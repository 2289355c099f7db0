"""A root after an act of a person: shown in words or JSON, with what is to do next."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import typer

from controller.faces.cli.face import Face
from controller.faces.cli.showing import print_json, print_lines
from controller.office.founding import MACHINES
from controller.office.keys import key_files, keyid_in, open_key_file
from controller.office.opening import write_issuers, write_roots
from controller.office.people import keyids_of
from controller.office.root_file import replace_sealed
from controller.office.root_store import holders_of_keys, proposed_root
from controller.orders.acting import Act
from controller.orders.status import status_by_id
from controller.roots.acts import RootProposal, code_of, sign_command, words_of
from controller.roots.rules import RootChange, people_of, roles_of
from protocols.documents.envelope import Signer, read_envelope
from protocols.documents.kind_rule import Kind, Role
from protocols.documents.kinds import KINDS
from protocols.documents.orders import keyid_named_by
from protocols.documents.roles import Key, Root, read_root
from protocols.instants import iso_from_ms
from protocols.rim.passphrases import ask_passphrase
from protocols.rim.terminal import Exit
from protocols.words.en.orders import object_in_words, order_in_words
from protocols.words.en.times import local

Countersign = Annotated[
    bool,
    typer.Option(
        "--countersign",
        help="Sign orders that it leaves too few signatures (no payment), or release anew; so does who signs "
        "the root.",
    ),
]

_PAYMENT: Final = f"{KINDS[Kind.PAYMENT].prefix}/"
# More orders than these are told by their kind.
_NAMED_MAX: Final = 5


@contextmanager
def signing_root(face: Face) -> Iterator[tuple[Act, Signer | None]]:
    """An act in the role of root, and the new key of whoever acts where the root that waits brings one."""
    with face.office.reading() as session:
        waiting = proposed_root(session)
    own = None if waiting is None else own_new_key(face, read_root(read_envelope(waiting).payload).keys)
    with face.acting_as(Role.ROOT) as act:
        yield act, own


def own_new_key(face: Face, coming: Mapping[str, Key]) -> Signer | None:
    """The key that whoever acts gets, if it is here; `coming`: the keys of the next root, by keyid.

    A root is signed by people of the one before and of itself: whoever gets a new key signs with both, and
    so two people are enough.
    """
    name = face.person(Role.ROOT)
    new = {keyid for keyid, key in coming.items() if key.holder == name} - keyids_of(face.office.root, name)
    folder = face.office.settings.keys
    for path in key_files(folder, name):
        if keyid_in(path) in new:
            return open_key_file(folder, path, ask_passphrase(f"{name}, the new key"))
    return None


def show_proposal(face: Face, done: RootProposal) -> int:
    """Print a root after an act, and what is to do next. Where it is in force the home's files follow."""
    if done.in_force:
        replace_sealed(face.office.settings.root, done.envelope)
        write_issuers(face.office)
        write_roots(face.office)
    if face.as_json:
        shown = {"in_force": done.in_force, "stranded": done.stranded, "countersigned": done.countersigned}
        more = {"code": code_of(done.envelope), "changes": words_of(done.change)}
        replaced = {"replaced": None if done.replaced is None else words_of(done.replaced)}
        print_json(root_fields(done.root) | shown | {"countersigning": done.countersigning} | more | replaced)
    else:
        with face.office.reading() as session:
            holders = holders_of_keys(session, face.office.root)
        command = sign_command(done.change, done.envelope)
        print_lines(
            *root_in_words(done.root, face.zone),
            *change_in_words(done.change),
            *_replaced_in_words(done.replaced),
            *_what_next(done, holders, _stranded_in_words(face, done.stranded, holders), command),
        )
    return Exit.NO if done.stranded else Exit.DONE


def _stranded_in_words(face: Face, stranded: Sequence[str], holders: Mapping[str, str]) -> list[str]:
    """A few orders by what they do, many by their kind; the issuers document is no order."""
    if len(stranded) > _NAMED_MAX:
        return few_in_words(stranded, holders)
    told = []
    with face.office.reading() as session:
        for each in stranded:
            order_id, _, name = each.partition(" ")
            if name:
                status = status_by_id(session, order_id, face.office.root)
                told.append(f"{order_id}: {order_in_words(status.order, face.zone, status.created_by)}")
            else:
                told.append(each)
    return told


def _replaced_in_words(replaced: RootChange | None) -> list[str]:
    """Of a proposal that has taken the place of another: what nobody can sign any more."""
    if replaced is None:
        return []
    gave = " ".join(change_in_words(replaced)) or "The same people for another year."
    return [f"It takes the place of the proposal that waited, which is given up: {gave}"]


def _what_next(
    done: RootProposal, holders: Mapping[str, str], stranded: Sequence[str], command: str
) -> list[str]:
    """What is to do now; `stranded`: such orders in words, `command`: what the next person types."""
    signed = few_in_words(done.countersigned, holders)
    lines = [f"You have signed {each} too." for each in signed]
    if done.in_force:
        machines = sorted(done.change.rotated.keys() & set(MACHINES))
        again = [
            f"Start what runs with the key of {name} again: it signs with the old one." for name in machines
        ]
        return [*lines, "It is in force here, and the service sends it to every meter.", *again]
    if done.stranded:
        return [
            *lines,
            "It is kept, and does not go out yet.",
            "Without what it takes away these, in force, have too few signatures:",
            *(f"  {each}" for each in stranded),
            *_rest_in_words(done, command),
        ]
    return [*lines, f"It waits for a second person: {command}."]


def _rest_in_words(done: RootProposal, command: str) -> list[str]:
    """What is to do about stranded orders. Nobody signs money unseen while they drop a colleague."""
    payments = [
        each.partition(" ")[0] for each in done.stranded if each.partition(" ")[2].startswith(_PAYMENT)
    ]
    if not payments:
        alone = []
    elif len(payments) <= _NAMED_MAX:
        alone = [f"Payments are signed by themselves: `relance orders sign {' '.join(payments)}`."]
    else:
        alone = ["Payments are signed by themselves: `relance orders sign ID...`; --json names them."]
    if len(payments) == len(done.stranded):
        return [*alone, f"Then: `{command}`."]
    if done.countersigning:
        return [*alone, f"Whoever signs the root signs them too: `{command}`."]
    return [*alone, f"Sign them with --countersign, or release, extend or order anew; then `{command}`."]


def few_in_words(orders: Sequence[str], holders: Mapping[str, str]) -> list[str]:
    """Orders as people read them: a few one by one; of many a line for each kind. `--json` has them all."""
    if len(orders) <= _NAMED_MAX:
        return [_named(each, holders) for each in orders]
    kinds: dict[str, list[str]] = {}
    for each in orders:
        kinds.setdefault((each.partition(" ")[2] or each).partition("/")[0], []).append(each)
    return [_group(kind, group, holders) for kind, group in kinds.items()]


def _group(kind: str, group: Sequence[str], holders: Mapping[str, str]) -> str:
    if len(group) == 1:
        return _named(group[0], holders)
    first, last = group[0].partition(" ")[0], group[-1].partition(" ")[0]
    return f"{len(group)} orders {kind}/…, {first} to {last}"


def _named(order: str, holders: Mapping[str, str]) -> str:
    """An order and its object, `o000007 hold/frost`, with the holder's name in the place of a key."""
    order_id, _, name = order.partition(" ")
    return f"{order_id} {object_in_words(name, holders.get(keyid_named_by(name) or '', ''))}".rstrip()


def root_in_words(root: Root, zone: ZoneInfo) -> list[str]:
    """A root in words: its version, its end, and who may act in which roles."""
    people = ", ".join(f"{name} ({', '.join(sorted(roles_of(root, name)))})" for name in people_of(root))
    return [f"Root {root.version}, until {local(root.expires_ms, zone)}.", f"People: {people}."]


def change_in_words(change: RootChange) -> list[str]:
    """What a root changes, a line each."""
    heads = {"drops": "Drops", "adds": "Adds", "rotates": "New keys", "roles": "From now on"}
    return [f"{heads[what]}: {whom}." for what, whom in words_of(change).items()]


def root_fields(root: Root) -> dict[str, Any]:
    """A root for programs."""
    roles = {
        role.value: {
            "threshold": rule.threshold,
            "holders": sorted({root.keys[keyid].holder for keyid in rule.keyids}),
        }
        for role, rule in root.roles.items()
    }
    expires = {"expires_ms": root.expires_ms, "expires": iso_from_ms(root.expires_ms)}
    return {"version": root.version, **expires, "roles": roles}
