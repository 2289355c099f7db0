"""The founding of a controller: keys, root and database, all or nothing (design §5).

Everything is built in a temporary folder beside the new home. One rename at the end gives it the home's name.
So an interrupted `init` leaves no home behind, and a home that exists is complete.
"""

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlmodel import Session

from controller.database.engine import open_store, writing
from controller.office.audit import AuditAct, head_of, record
from controller.office.issuers_store import put_issuers_in_force
from controller.office.issuing import first_issuers
from controller.office.keys import as_secret, create_key, new_fleet_key, write_secret
from controller.office.settings import ROOT_FILE, Settings
from protocols.arguments import read_name
from protocols.chain import GENESIS
from protocols.documents.envelope import Signer, seal
from protocols.documents.issuers import ISSUERS_TYPE, write_issuers
from protocols.documents.kind_rule import Role
from protocols.documents.roles import ROOT_TYPE, Key, RoleKeys, Root, write_root
from protocols.errors import InputError, quoted
from protocols.instants import DAY_MS
from protocols.link.keys import asks_key
from protocols.reasons import Source

SERVICE: Final = "service"
# The holders of machine keys. The key of a time authority has the name of its source.
MACHINES: Final = (SERVICE, *Source)
# What the prompt for their passphrase calls them: one passphrase opens all machine keys.
MACHINES_TOGETHER: Final = "the machines' keys"
# Keys of the controller as an issuer, one an epoch: no key of the root.
_ISSUER_KEYS: Final = re.compile(r"issuer-[0-9]+")
OPERATORS_MIN: Final = 2
# A root holds a limited number of keys, and an envelope of signatures; no DSO that we know needs more.
OPERATORS_MAX: Final = 32
ROOT_LIFE_MS: Final = 365 * DAY_MS
_PEOPLE_WHO_HARM: Final = 2


def check_operators(names: Sequence[str]) -> tuple[str, ...]:
    """The operators' names, checked.

    Raises InputError for fewer than two or too many, for a name given twice, or for the name of a machine's
    key.
    """
    if not OPERATORS_MIN <= len(names) <= OPERATORS_MAX:
        allowed = f"{OPERATORS_MIN} to {OPERATORS_MAX} people, since harm takes two"
        raise InputError(f"--operator: {len(names)} given; allowed: {allowed}")
    seen: dict[str, str] = {}
    for name in names:
        check_person(name, "--operator")
        folded = name.casefold()
        if folded in seen:
            other = "" if seen[folded] == name else f", like {quoted(seen[folded])}"
            raise InputError(f"--operator: {quoted(name)} is given twice{other}; allowed: distinct people")
        seen[folded] = name
    return tuple(names)


def check_person(name: str, where: str) -> None:
    """Raises InputError for a name that no person can have; its message begins with `where`."""
    read_name(name, where)
    folded = name.casefold()
    if folded in MACHINES or _ISSUER_KEYS.fullmatch(folded):
        raise InputError(f"{where}: {quoted(name)} is the name of a machine's key; allowed: a person's")


def check_unused(home: Path) -> None:
    """Raises InputError where the home holds anything: `init` overwrites no file."""
    try:
        founded = (home / ROOT_FILE).exists()
        used = home.exists() and (not home.is_dir() or any(home.iterdir()))
    except OSError as error:
        raise InputError(f"{home}: cannot be looked into: {error.strerror}") from None
    if founded:
        raise InputError(f"{home}: is a controller's home already; nothing was changed")
    if used:
        raise InputError(f"{home}: is there and not empty; allowed: a new or empty folder")


@contextmanager
def building(home: Path) -> Iterator[Path]:
    """A temporary folder. It is renamed to `home` at the end of the block, and deleted after an exception."""
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{home.name}.", suffix=".new", dir=home.parent))
    except OSError as error:
        raise InputError(f"{home}: cannot be made: {error.strerror}") from None
    try:
        yield folder
        folder.rename(home)
    except OSError as error:
        raise InputError(f"{home}: cannot be made: {error.strerror}") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_keys(
    folder: Path, operators: Sequence[str], passphrase_of: Callable[[str], str]
) -> Mapping[str, Signer]:
    """Write new keys of all operators and machines, and the secret of the fleet, into `folder`."""
    fleet_key = new_fleet_key()
    write_secret(folder / "fleet.key", as_secret(fleet_key))
    # The other time authority gets its own part of the fleet's key, and not the key itself.
    asks = asks_key(fleet_key, Source.TIMESERVER)
    write_secret(folder / f"{Source.TIMESERVER}.asks", as_secret(asks))
    return {name: create_key(folder / "keys", name, passphrase_of(name)) for name in (*operators, *MACHINES)}


def seal_root(signers: Mapping[str, Signer], operators: Sequence[str], now_ms: int) -> bytes:
    """The first root, signed by two operators: one operator may protect, two together may harm."""
    people = tuple(signers[name].keyid for name in operators)
    root = Root(
        version=1,
        expires_ms=now_ms + ROOT_LIFE_MS,
        keys={signer.keyid: Key(signer.public.hex(), name) for name, signer in signers.items()},
        roles={
            Role.PROTECT: RoleKeys(1, people),
            Role.HARM: RoleKeys(_PEOPLE_WHO_HARM, people),
            Role.ROOT: RoleKeys(_PEOPLE_WHO_HARM, people),
            Role.LEASE: RoleKeys(1, (signers[SERVICE].keyid,)),
            Role.TIME: RoleKeys(1, tuple(signers[source].keyid for source in Source)),
        },
    )
    return seal(write_root(root), ROOT_TYPE, [signers[name] for name in operators[:_PEOPLE_WHO_HARM]])


def issuer_key_name(epoch: int) -> str:
    """The name of the file of the controller's key as an issuer, in one epoch."""
    return f"issuer-{epoch}"


def seal_issuers(issuer: Signer, signers: Mapping[str, Signer], operators: Sequence[str]) -> bytes:
    """The first issuers document, signed by two operators: the controller alone."""
    payload = write_issuers(first_issuers(issuer.public))
    return seal(payload, ISSUERS_TYPE, [signers[name] for name in operators[:_PEOPLE_WHO_HARM]])


def database_while_building(settings: Settings, folder: Path) -> str:
    """The URL of the database before the rename: a database inside the home is still inside `folder`."""
    prefix = f"sqlite:///{settings.home}/"
    if settings.database.startswith(prefix):
        return f"sqlite:///{folder}/{settings.database.removeprefix(prefix)}"
    return settings.database


def found(
    settings: Settings, operators: Sequence[str], passphrase_of: Callable[[str], str], now_ms: int
) -> None:
    """Found a controller in a new home: write keys, root, database, and the first audit entries.

    Raises InputError where the home or the database serves another already; then nothing is changed.
    """
    with building(settings.home) as folder:
        signers = write_keys(folder, operators, passphrase_of)
        issuer = create_key(folder / "keys", issuer_key_name(1), passphrase_of(SERVICE))
        issuers = seal_issuers(issuer, signers, operators)
        write_secret(folder / settings.root.name, seal_root(signers, operators, now_ms))
        write_secret(folder / settings.issuers.name, issuers)
        engine = open_store(database_while_building(settings, folder), create=True)
        try:
            with writing(engine) as session:
                if head_of(session) != GENESIS:
                    raise InputError(f"{settings.database}: serves another home already; nothing was changed")
                open_audit(session, signers, operators, now_ms, home=str(settings.home))
                put_issuers_in_force(session, issuers)
        finally:
            engine.dispose()


def found_store(settings: Settings, root: Root, now_ms: int) -> None:
    """Make an empty store for a home whose store is lost: with its issuers, and nothing else.

    Raises InputError where there is a store with an audit already; then nothing is changed.
    """
    issuers = settings.issuers.read_bytes() if settings.issuers.exists() else None
    engine = open_store(settings.database, create=True)
    try:
        with writing(engine) as session:
            if head_of(session) != GENESIS:
                raise InputError(f"{settings.database}: holds a controller's audit; nothing was changed")
            for keyid in root.roles[Role.PROTECT].keyids:
                holder = root.keys[keyid].holder
                record(session, now_ms, holder, AuditAct.INIT, f"key/{keyid}", home=str(settings.home))
            if issuers is not None:
                put_issuers_in_force(session, issuers)
    finally:
        engine.dispose()


def open_audit(
    session: Session, signers: Mapping[str, Signer], operators: Sequence[str], now_ms: int, **detail: str
) -> None:
    """Record the first entries of an audit: which key belongs to which operator."""
    for name in operators:
        record(session, now_ms, name, AuditAct.INIT, f"key/{signers[name].keyid}", **detail)
