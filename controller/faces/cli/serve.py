"""`relance serve` and `relance timeserver`: the commands that run until they are stopped."""

import asyncio
import logging
import os
import socket
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from controller.broker.rules import SERVE, TIMESERVER
from controller.faces.cli.losses import mind_losses
from controller.faces.cli.options import Broker, Database, Home, Tls
from controller.faces.cli.showing import print_lines
from controller.office.fleet_keys import find_generation, load_asks, load_generations
from controller.office.founding import MACHINES_TOGETHER, SERVICE, issuer_key_name
from controller.office.keys import holders_in, load_signer
from controller.office.opening import keep_newest_root, open_office
from controller.office.people import key_warning, keyids_of, load_root
from controller.office.settings import Settings, settings_from
from controller.service.roll_call import Roll
from controller.service.root_watch import RootWatch
from controller.service.serve import ServiceKeys, serve
from controller.service.time_program import serve_time
from protocols.documents.envelope import Signer, read_envelope
from protocols.documents.issuers import Issuer, read_issuers
from protocols.documents.kind_rule import Role
from protocols.errors import DocumentError, InputError, UnreachableError
from protocols.link.carriage import ANSWER_TIMEOUT_S, BrokerAddress, read_address
from protocols.link.keys import FIRST_GENERATION, asks_key
from protocols.reasons import Source
from protocols.rim.clocks import SystemClock, checked_now_ms
from protocols.rim.ending import Ending
from protocols.rim.passphrases import ask_passphrase
from protocols.rim.terminal import Exit, warn
from protocols.rim.tls import client_context

Verbose = Annotated[bool, typer.Option("--verbose", help="Log every connection, not only what is wrong.")]


def serve_fleet(
    *,
    verbose: Verbose = False,
    home: Home = None,
    database: Database = None,
    broker: Broker = None,
    tls: Tls = None,
) -> int:
    """Serve the fleet: publish orders, store reports, renew leases, answer with the time as `headend`.

    Runs until Ctrl-C (130) or SIGTERM (0). It publishes orders of the other commands as soon as they are in
    the store. A crash and restart lose nothing; after a lost connection it tries the broker again.
    """
    settings = settings_from(os.environ, home, database, broker, tls)
    with Ending("relance serve") as ending, open_office(settings) as office:
        address = _reachable(settings, SERVE)
        passphrase = _machine_passphrase(settings, SERVICE, Source.HEADEND)
        service, headend = (
            load_signer(settings.keys, name, passphrase, keyids_of(office.root, name))
            for name in (SERVICE, Source.HEADEND)
        )

        def find_issuer(issuer: Issuer) -> Signer | None:
            name = issuer_key_name(issuer.epoch)
            if name not in holders_in(settings.keys):
                return None
            signer = load_signer(settings.keys, name, passphrase)
            return signer if signer.public.hex() == issuer.public else None

        keep_newest_root(office)
        root = _root_envelope(settings.root)
        secrets, issuers = load_generations(settings), _issuers_envelope(settings.issuers)
        keys = ServiceKeys(
            *(service, headend, secrets[FIRST_GENERATION], root, find_issuer, settings.mark, issuers),
            later_fleet_keys=secrets,
            find_fleet_key=partial(find_generation, settings),
        )
        _log(verbose=verbose)
        mind_losses(office, checked_now_ms())

        def begun() -> None:
            print_lines(f"relance serve: {settings.home} at {address}; Ctrl-C stops it.")

        asyncio.run(serve(office.store, keys, address, SystemClock(), begun, ending.begin, _tell_who_came))
    return Exit.DONE


def serve_second_time(
    *, verbose: Verbose = False, home: Home = None, broker: Broker = None, tls: Tls = None
) -> int:
    """Answer meters as the time authority `timeserver`: the second witness of their clocks.

    It needs no database. Run it on another machine with another source of time, so that the two witnesses do
    not fail together; its home needs only `root.json`, `keys/timeserver.pem` and timeserver.asks. It answers
    the service too, which trusts its own clock only while a second voice agrees with it. It takes a new
    `root.json` of its home while it runs.
    """
    settings = settings_from(os.environ, home, None, broker, tls)
    address = _reachable(settings, TIMESERVER)
    passphrase = _machine_passphrase(settings, Source.TIMESERVER)
    root = load_root(settings.root)
    keyids = keyids_of(root, Source.TIMESERVER)
    signer = load_signer(settings.keys, Source.TIMESERVER, passphrase, keyids)
    watch = RootWatch(settings.root, root, signer)
    if not watch.is_listed:
        raise InputError(f"{settings.root}: role {Role.TIME} does not list the key of {Source.TIMESERVER}")
    asks = _asks_keys(settings, Source.TIMESERVER)
    _log(verbose=verbose)
    print_lines(f"relance timeserver: {settings.home} at {address}; Ctrl-C stops it.")
    with Ending("relance timeserver") as ending:
        serving = serve_time(
            Source.TIMESERVER, signer, asks, address, SystemClock(), ending.begin, watch=watch
        )
        asyncio.run(serving)
    return Exit.DONE


def _machine_passphrase(settings: Settings, *names: str) -> str:
    warning = key_warning(settings, *names)
    warn([] if warning is None else [warning])
    return ask_passphrase(MACHINES_TOGETHER)


def _asks_keys(settings: Settings, source: Source) -> tuple[bytes, ...]:
    """The keys that check asks; of a home that was founded without them, what its fleet's keys give.

    None, with a warning, where there is neither: then every ask is answered, as it was before.
    """
    path = settings.asks_key(source)
    if path.exists():
        return load_asks(path)
    if settings.fleet_key.exists():
        return tuple(asks_key(each, source) for each in load_generations(settings).values())
    warn([f"{path}: no such file; asks for the time are answered without a check"])
    return ()


def _root_envelope(path: Path) -> bytes:
    load_root(path)
    return path.read_bytes()


def _issuers_envelope(path: Path) -> bytes | None:
    """The issuers document of the home's file; None in a home that was made before there were issuers."""
    try:
        data = path.read_bytes()
        read_issuers(read_envelope(data).payload)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except DocumentError as error:
        raise InputError(f"{path}: {error}") from None
    return data


def _reachable(settings: Settings, program: str) -> BrokerAddress:
    """The broker's address, after one test connection: a wrong address is an error before anything starts.

    Credentials that cannot be used are an error before that.
    """
    address = read_address(settings.broker, settings.credentials(program))
    if address.credentials:
        client_context(Path(address.credentials))
    try:
        socket.create_connection((address.host, address.port), timeout=ANSWER_TIMEOUT_S).close()
    except OSError as error:
        raise UnreachableError(f"broker {address}: {error.strerror or 'no answer'}") from None
    return address


def _tell_who_came(roll: Roll) -> None:
    if not roll.links:
        print_lines("No link has come yet.")
    else:
        meters = "1 meter" if roll.meters == 1 else f"{roll.meters:,} meters"
        print_lines(f"Links online: {roll.online} of {roll.links}, with {meters} in all.")
    sys.stdout.flush()


def _log(*, verbose: bool) -> None:
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    # APScheduler logs every wake-up at INFO: too much.
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    # The MQTT library's own words ("failed to receive on socket"); the carrier says the same in ours.
    logging.getLogger("mqtt").setLevel(logging.CRITICAL)
