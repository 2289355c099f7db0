"""`relance operator`: who may act. Bring people in, take them out, and give them new keys and roles."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from controller.faces.cli.face import Face
from controller.faces.cli.proposals import Countersign, own_new_key, show_proposal
from controller.faces.cli.showing import moment, print_json, print_lines, print_table
from controller.faces.cli.verbs import NAMED, PLAIN, READING, verb
from controller.office.founding import MACHINES, MACHINES_TOGETHER, check_person
from controller.office.key_requests import KeyRequest, read_request, write_request
from controller.office.keys import (
    create_later_key,
    create_token_key,
    key_files,
    keyid_in,
    load_signer,
    open_key_file,
)
from controller.office.people import keyids_of
from controller.office.root_store import dropped_holders
from controller.roots.acts import propose
from controller.roots.acts import set_language as store_language
from controller.roots.rules import ROLES_OF_PEOPLE, Newcomer, RootChange, next_root
from controller.roots.views import PersonView, list_people
from protocols.arguments import check_choice, read_name
from protocols.documents.envelope import Signer, keyid_of
from protocols.documents.kind_rule import Role
from protocols.documents.orders import short_keyid
from protocols.documents.roles import Key
from protocols.errors import InputError
from protocols.instants import iso_from_ms
from protocols.rim.passphrases import ask_passphrase, new_passphrase
from protocols.rim.terminal import Exit, warn

LANGUAGES: Final = ("fr", "nl", "de", "en")
# Stands for a key that is not made yet, while everything else is checked: nobody holds its private half.
_NO_KEY: Final = "00" * 32

app = typer.Typer(no_args_is_help=True, help="Say who may act: bring people in, take them out, renew keys.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="A person, as orders name them.")]
Holder = Annotated[str, typer.Argument(metavar="NAME", help="A person, or a machine such as service.")]
Roles = Annotated[str, typer.Option(metavar="ROLES", help="All of their roles: protect,harm,root.")]
Language = Annotated[str | None, typer.Option(metavar="LANG", help="Their language: fr, nl, de or en.")]
Request = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The new public key, as `operator request` writes it; else made here."),
]


@verb(app, "list", "operator list", "operator list --json", shares=READING)
def list_all(face: Face) -> int:
    """List who may act: roles, key, since when, language, and what waits for a second signature."""
    with face.office.reading() as session:
        people = list_people(session, face.office.root)
    if face.as_json:
        print_json({"root": face.office.root.version, "people": [_fields(each) for each in people]})
        return Exit.DONE
    rows = [
        (
            each.name,
            ", ".join(each.roles),
            short_keyid(each.keyid),
            "" if each.since_ms is None else moment(each.since_ms, face.zone),
            each.language or "",
            each.standing.value,
        )
        for each in people
    ]
    print_table("", ("name", "roles", "key", "since", "lang", "standing"), rows, wraps=("roles",))
    return Exit.DONE


@verb(
    app,
    "add",
    "operator add dora --request dora.key.json --roles protect,harm --language fr --as anna",
    "operator add dora --roles protect --as anna",
    shares=NAMED,
)
def add_one(
    face: Face, name: Name, *, roles: Roles, language: Language = None, request: Request = None
) -> int:
    """Propose a root that lists somebody more. A second person signs it (`root sign --code`).

    The new person makes the key at their own machine (`operator request`) and sends the file. Without
    `--request` it is made here, with a passphrase that they type. Both who sign compare the key's first
    digits with the new person, by voice: the file alone does not say who sent it.
    """
    check_person(name, "NAME")
    chosen = _roles(roles)
    check_choice(language, LANGUAGES, "--language")
    check = RootChange(added=(Newcomer(name, _NO_KEY, chosen),))
    _check(face, check)
    public, _ = _new_key(face, name, request)
    change = RootChange(added=(Newcomer(name, public, chosen),))
    return _propose(face, change, language=(name, language))


@verb(
    app,
    "revoke",
    "operator revoke carl --as anna",
    "operator revoke carl --countersign --as anna",
    shares=NAMED,
)
def revoke_one(face: Face, name: Name, *, countersign: Countersign = False) -> int:
    """Propose a root that lists somebody no more. A second person signs it (`root sign --drop NAME`).

    Nothing new that their key signs is obeyed. What it has signed stays: where the key was stolen, two people
    void it first (`void propose`). Nobody goes while a role would have too few people left.
    """
    return _propose(face, RootChange(dropped=frozenset({name})), countersign=countersign)


@verb(
    app,
    "rotate",
    "operator rotate anna --request anna.key.json --as bert",
    "operator rotate service --countersign --as anna",
    shares=NAMED,
)
def rotate_one(face: Face, name: Holder, *, request: Request = None, countersign: Countersign = False) -> int:
    """Propose a root in which somebody has a new key. A second person signs it (`root sign --code`).

    Person, roles and language stay; the old key counts no more as soon as a meter has the root. Of a machine
    too: start what runs with its key again afterwards. Whoever gets the new key and signs this root as well
    signs with both keys, so that two people are enough.
    """
    _check(face, RootChange(rotated={name: _NO_KEY}))
    public, made = _new_key(face, name, request)
    own = made if name == face.person(Role.ROOT) else None
    return _propose(face, RootChange(rotated={name: public}), countersign=countersign, own=own)


@verb(app, "roles", "operator roles dora --roles protect,harm,root --as anna", shares=NAMED)
def change_roles(face: Face, name: Name, *, roles: Roles, countersign: Countersign = False) -> int:
    """Propose a root in which somebody has these roles, and no others. A second person signs it."""
    return _propose(face, RootChange(roles={name: _roles(roles)}), countersign=countersign)


@verb(app, "language", "operator language dora fr --as anna", shares=NAMED)
def set_language(
    face: Face, name: Name, language: Annotated[str, typer.Argument(metavar="LANG", help="fr, nl, de or en.")]
) -> int:
    """Say in which language somebody is addressed. One person of the role root is enough."""
    check_choice(language, LANGUAGES, "LANG")
    with face.acting_as(Role.ROOT) as act:
        store_language(act, name, language)
    if face.as_json:
        print_json({"name": name, "language": language})
    else:
        print_lines(f"{name}: {language}.")
    return Exit.DONE


@verb(
    app,
    "request",
    "operator request dora --home ~/relance-key --out dora.key.json",
    "operator request dora --again --out dora.key.json",
    "operator request dora --token office --module /usr/lib/softhsm/libsofthsm2.so",
    shares=PLAIN,
)
def request_one(
    face: Face,
    name: Holder,
    *,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Else NAME.key.json.")] = None,
    token: Annotated[
        str | None, typer.Option(metavar="LABEL", help="Make the key on this PKCS#11 token: its label.")
    ] = None,
    module: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The token's library, a .so file; with --token.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Ask with the newest key that is here already.")
    ] = False,
) -> int:
    """Make your key at your own machine, and a file for the office that holds its public half alone.

    The folder needs to be no controller's home. The private key stays in its keys/, and opens with your
    passphrase; with `--token` it is made on a token that speaks PKCS#11 and has Ed25519, and opens with its
    PIN. The file is no secret. It proves that you hold the key, and not who you are: read the key's first
    digits to the two people who sign.
    """
    read_name(name, "NAME")
    if (token is None) != (module is None):
        raise InputError("--token LABEL and --module FILE: one without the other; allowed: both, or neither")
    path = out or Path(f"{name}.key.json")
    if path.exists():
        raise InputError(f"{path}: exists already; allowed: another --out")
    folder = face.settings.keys
    if again:
        files = key_files(folder, name)
        if not files:
            raise InputError(f"{folder}: no key of {name} is here; without --again one is made")
        newest = max(files, key=lambda each: each.stat().st_mtime_ns)
        signer = open_key_file(folder, newest, ask_passphrase(name))
    elif token is not None and module is not None:
        pin = ask_passphrase(f"{name}, the PIN of the token")
        signer = create_token_key(folder, name, str(module), token, pin)
    else:
        opens = f"With this one {name} signs. Nobody else may know it."
        signer = create_later_key(folder, name, new_passphrase(name, opens))
    write_request(path, name, signer)
    return _show_request(face, path, KeyRequest(holder=name, public=signer.public.hex()))


@verb(app, "show", "operator show dora.key.json", "operator show dora.key.json --json", shares=PLAIN)
def show_request(face: Face, file: Annotated[Path, typer.Argument(metavar="FILE", help="A request.")]) -> int:
    """Show whose key a request brings, before anybody signs for it."""
    return _show_request(face, file, read_request(file))


def _propose(
    face: Face,
    change: RootChange,
    *,
    countersign: bool = False,
    language: tuple[str, str | None] = ("", None),
    own: Signer | None = None,
) -> int:
    if own is None:
        coming = {keyid_of(bytes.fromhex(key)): Key(key, name) for name, key in change.rotated.items()}
        own = own_new_key(face, coming)
    with face.acting_as(Role.ROOT) as act:
        done = propose(act, change, countersign=countersign, own=own)
        name, chosen = language
        if chosen is not None:
            store_language(act, name, chosen, comes=True)
    if not face.as_json and not done.in_force:
        come = {**{new.name: new.public for new in change.added}, **change.rotated}
        for each, public in ((name, public) for name, public in come.items() if name not in MACHINES):
            print_lines(f"Compare with {each}, by voice: key {short_keyid(keyid_of(bytes.fromhex(public)))}.")
    return show_proposal(face, done)


def _check(face: Face, change: RootChange) -> None:
    """Raises InputError for a change that cannot be, before anybody makes a key for it."""
    face.person(Role.ROOT)
    next_root(face.office.root, change, 0)


def _new_key(face: Face, name: str, request: Path | None) -> tuple[str, Signer | None]:
    """A new public key as hex, of a request or made here; with its signer, if that is here.

    Raises InputError for a request of somebody else.
    """
    if request is None:
        made = _key_here(face, name)
        return made.public.hex(), made
    found = read_request(request)
    if found.holder != name:
        raise InputError(f"{request}: is the request of {found.holder}; allowed: that of {name}")
    return found.public, None


def _key_here(face: Face, name: str) -> Signer:
    """A new key in this home; one that is here and that nobody uses is taken, as after an interruption."""
    folder, listed = face.office.settings.keys, keyids_of(face.office.root, name)
    with face.office.reading() as session:
        used = listed | dropped_holders(session).keys()
    files = key_files(folder, name)
    waits = [path for path in files if keyid_in(path) not in used]
    if name in MACHINES:
        passphrase = ask_passphrase(MACHINES_TOGETHER)
        if len(waits) < len(files):
            # All machines' keys open with one passphrase: a slip must not make a key that none opens.
            load_signer(folder, name, passphrase, listed)
        if waits:
            return open_key_file(folder, waits[-1], passphrase)
        return create_later_key(folder, name, passphrase)
    whose = f"{name}, the new key" if listed else name
    if waits:
        warn([f"{waits[-1]}: this key is here and nobody uses it: it is taken"])
        return open_key_file(folder, waits[-1], ask_passphrase(whose))
    opens = f"With this one {name} signs. Nobody else may know it."
    return create_later_key(folder, name, new_passphrase(whose, opens))


def _roles(text: str) -> frozenset[Role]:
    words = [word.strip() for word in text.split(",")]
    for word in words:
        check_choice(word, ROLES_OF_PEOPLE, "--roles")
    return frozenset(map(Role, words))


def _show_request(face: Face, path: Path, request: KeyRequest) -> int:
    if face.as_json:
        print_json({"file": str(path), "name": request.holder, "key": request.keyid})
    else:
        print_lines(
            f"{path}: key {short_keyid(request.keyid)} of {request.holder}.",
            "Two people of role root bring it in: relance operator add or rotate, then relance root sign.",
        )
    return Exit.DONE


def _fields(person: PersonView) -> dict[str, Any]:
    since = {} if person.since_ms is None else {"since": iso_from_ms(person.since_ms)}
    return {
        "name": person.name,
        "machine": person.machine,
        "roles": _words(person.roles),
        "key": person.keyid,
        "since_ms": person.since_ms,
        **since,
        "language": person.language,
        "standing": person.standing.value,
        "coming": person.coming or None,
    }


def _words(roles: Sequence[Role]) -> list[str]:
    return [role.value for role in roles]
