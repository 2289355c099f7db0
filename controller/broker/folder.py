"""The folder with all that broker and clients need, and how it is brought up to date.

    ca.pem  ca.key.pem     the authority; its key opens with the passphrase of the machines' keys
    server/                all that the broker needs: mosquitto.conf, acl, ca.pem, cert.pem, key.pem
    serve/  timeserver/    ca.pem, cert.pem, key.pem of each program
    links/LINK/            the same for each link: carry this folder to its machine
    kiosks/KIOSK/          the same for each kiosk; `relance kiosk add` puts it into the kiosk's home

Credentials that are there are kept, so that the command may run any number of times. A file is written under
another name and renamed: an interrupted run leaves whole files only.
"""

import os
import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from controller.broker.certificates import CertificateAuthority, Credentials, Issued, read_credentials
from controller.broker.rules import (
    PROGRAMS,
    BrokerClient,
    ClientKind,
    access_list,
    merged_names,
    mosquitto_config,
)
from protocols.errors import InputError, quoted

AUTHORITY_FILE: Final = "ca.pem"
AUTHORITY_KEY_FILE: Final = "ca.key.pem"
CERTIFICATE_FILE: Final = "cert.pem"
KEY_FILE: Final = "key.pem"
CONFIG_FILE: Final = "mosquitto.conf"
ACCESS_FILE: Final = "acl"
SERVER: Final = "server"
LINKS: Final = "links"
KIOSKS: Final = "kiosks"
_FOLDERS: Final = {ClientKind.LINK: LINKS, ClientKind.KIOSK: KIOSKS}


class BrokerWishes(Struct, frozen=True):
    """What is wanted. `hosts`: the names and addresses by which clients reach the broker.

    `at`: where the folder `server` lies on the broker's machine (empty: where it is), and `user` the account
    that mosquitto changes to. `renewed`: names whose credentials are made anew, links and programs alike.
    Kiosks come and go by `grant_kiosk` and `withdraw_kiosk`.
    """

    host: str
    port: int
    hosts: tuple[str, ...]
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    renewed: tuple[str, ...] = ()
    at: str = ""
    user: str = ""


class BrokerFolder(Struct, frozen=True):
    """What the folder holds afterwards. `made`: folders whose credentials are new."""

    path: Path
    links: tuple[str, ...]
    made: tuple[str, ...]
    removed: tuple[str, ...]
    kiosks: tuple[str, ...] = ()


def configure(folder: Path, wishes: BrokerWishes, passphrase: str) -> BrokerFolder:
    """Bring `folder` up to date. Raises InputError where it cannot be read or written, or for wrong names."""
    held = _names_in(folder / LINKS)
    links, kiosks = merged_names(held, wishes.added, wishes.removed), _names_in(folder / KIOSKS)
    _check_names("--without", wishes.removed, held)
    _check_names("--renew", wishes.renewed, (*links, *PROGRAMS, SERVER))
    wanted = [(name, ClientKind.PROGRAM) for name in PROGRAMS]
    wanted += [(name, ClientKind.LINK) for name in links] + [(name, ClientKind.KIOSK) for name in kiosks]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority = _authority(folder, passphrase)
        made = [SERVER] if _serve_hosts(folder / SERVER, authority, wishes) else []
        clients = []
        for name, kind in wanted:
            is_renewed = name in wishes.renewed and kind is not ClientKind.KIOSK
            client, is_new = _credited(folder, authority, name, kind, renew=is_renewed)
            made += [name] if is_new else []
            clients.append(client)
        server = folder / SERVER
        config = mosquitto_config(wishes.at or str(server), wishes.host, wishes.port, wishes.user)
        _write(server / ACCESS_FILE, access_list(clients).encode())
        _write(server / CONFIG_FILE, config.encode())
        # Last: whoever is no longer in the access list may keep its files, not the other way round.
        for name in wishes.removed:
            shutil.rmtree(folder / LINKS / name)
    except OSError as error:
        raise _not_written(folder, error) from None
    return BrokerFolder(folder, links, tuple(made), wishes.removed, tuple(kiosks))


def has_broker(folder: Path) -> bool:
    """Whether `relance broker config` has made this folder."""
    return (folder / AUTHORITY_KEY_FILE).exists()


def grant_kiosk(folder: Path, kiosk: str, passphrase: str) -> Path:
    """Give a kiosk credentials, and its place in the access list; what is there is kept.

    Returns the folder with its credentials. Raises InputError as `configure`.
    """
    try:
        authority = _authority(folder, passphrase)
        _credited(folder, authority, kiosk, ClientKind.KIOSK, renew=False)
        _write(folder / SERVER / ACCESS_FILE, access_list(_clients_in(folder)).encode())
    except OSError as error:
        raise _not_written(folder, error) from None
    return folder / KIOSKS / kiosk


def withdraw_kiosk(folder: Path, kiosk: str) -> bool:
    """Take a kiosk out of the access list, then its files. Returns whether it was there.

    Raises InputError where the folder cannot be written.
    """
    place = folder / KIOSKS / kiosk
    if not place.exists():
        return False
    try:
        gone = (ClientKind.KIOSK, kiosk)
        clients = [each for each in _clients_in(folder) if (each.kind, each.name) != gone]
        _write(folder / SERVER / ACCESS_FILE, access_list(clients).encode())
        shutil.rmtree(place)
    except OSError as error:
        raise _not_written(folder, error) from None
    return True


def _clients_in(folder: Path) -> list[BrokerClient]:
    """Everybody who has credentials here."""
    found = [_held_client(folder / name, name, ClientKind.PROGRAM)[0] for name in PROGRAMS]
    for kind, place in _FOLDERS.items():
        found += [_held_client(folder / place / name, name, kind)[0] for name in _names_in(folder / place)]
    return [client for client in found if client.generation]


def _credited(
    folder: Path, authority: CertificateAuthority, name: str, kind: ClientKind, *, renew: bool
) -> tuple[BrokerClient, bool]:
    """The client with credentials, and whether they are new."""
    place = folder / _FOLDERS[kind] / name if kind in _FOLDERS else folder / name
    client, whole = _held_client(place, name, kind)
    if whole and not renew:
        return client, False
    client = replace(client, generation=client.generation + 1)
    _write_credentials(place, authority.issue(client.user), authority.certificate)
    return client, True


def _not_written(folder: Path, error: OSError) -> InputError:
    return InputError(f"{error.filename or folder}: cannot be written: {error.strerror}")


def _check_names(option: str, given: Collection[str], known: Collection[str]) -> None:
    unknown = [name for name in given if name not in known]
    if unknown:
        allowed = ", ".join(sorted(known)) or "none, since no link has credentials"
        raise InputError(f"{option}: {', '.join(unknown)}; allowed: {allowed}")


def _names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*") if path.is_dir())


def _authority(folder: Path, passphrase: str) -> CertificateAuthority:
    """The authority of this folder; a new one where there is none."""
    certificate, key = folder / AUTHORITY_FILE, folder / AUTHORITY_KEY_FILE
    if key.exists():
        return CertificateAuthority.load(key.read_bytes(), certificate.read_bytes(), passphrase, str(key))
    authority = CertificateAuthority.create()
    # The key comes last: without it the next run begins anew.
    _write(certificate, authority.certificate)
    _write(key, authority.locked_key(passphrase))
    return authority


def _serve_hosts(place: Path, authority: CertificateAuthority, wishes: BrokerWishes) -> bool:
    """Give the broker credentials for its hosts, unless it has them. Returns whether they are new."""
    held = _read_credentials(place)
    fits = held is not None and held.whole and set(held.hosts) == set(wishes.hosts)
    if fits and SERVER not in wishes.renewed:
        return False
    _write_credentials(place, authority.issue(SERVER, wishes.hosts), authority.certificate)
    return True


def _held_client(place: Path, name: str, kind: ClientKind) -> tuple[BrokerClient, bool]:
    """The client with the generation of its credentials (0: none), and whether they can be used.

    They cannot after a write that was cut short: it left a key without its certificate.
    """
    held = _read_credentials(place)
    if held is None:
        return BrokerClient(name, kind, 0), False
    generation = held.name.rpartition(":")[2]
    client = BrokerClient(name, kind, int(generation) if generation.isdecimal() else 0)
    if client.user != held.name:
        raise InputError(f"{place / CERTIFICATE_FILE}: of {quoted(held.name)}; allowed: of {name}")
    return client, held.whole


def _read_credentials(place: Path) -> Issued | None:
    """What a folder's credentials say; None where it has none."""
    certificate, key = place / CERTIFICATE_FILE, place / KEY_FILE
    if not (certificate.exists() and key.exists()):
        return None
    try:
        return read_credentials(Credentials(key.read_bytes(), certificate.read_bytes()))
    except ValueError:
        raise InputError(f"{certificate}: not a certificate of `relance broker config`, or damaged") from None


def _write_credentials(place: Path, credentials: Credentials, authority: bytes) -> None:
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(place / AUTHORITY_FILE, authority)
    _write(place / KEY_FILE, credentials.key)
    _write(place / CERTIFICATE_FILE, credentials.certificate)


def _write(path: Path, data: bytes) -> None:
    """Replace a file at once, readable by its owner alone (as `mkstemp` makes it)."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
