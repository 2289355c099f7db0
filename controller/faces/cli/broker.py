"""`relance broker`: the credentials and the access list of the broker between controller and links."""

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from controller.broker.folder import CONFIG_FILE, LINKS, SERVER, BrokerFolder, BrokerWishes, configure
from controller.faces.cli.examples import examples
from controller.faces.cli.options import Home, Json
from controller.faces.cli.showing import print_json, print_lines
from controller.office.founding import MACHINES_TOGETHER
from controller.office.people import load_root
from controller.office.settings import settings_from
from protocols.arguments import read_names
from protocols.errors import InputError, quoted
from protocols.link.carriage import TLS_PORT, read_address
from protocols.rim.passphrases import ask_passphrase
from protocols.rim.terminal import Exit

app = typer.Typer(no_args_is_help=True, help="The broker: who may connect, say and hear what.")

_LISTEN_DEFAULT: Final = f"127.0.0.1:{TLS_PORT}"


@app.command(
    "config",
    epilog=examples(
        "broker config --link link-1 --link link-2 --listen 10.0.0.5:8883 --host broker.example.org",
        "broker config --renew link-2",
        "broker config --without link-1 --json",
    ),
)
def config(
    *,
    link: Annotated[list[str] | None, typer.Option(metavar="LINK", help="A link that may connect.")] = None,
    without: Annotated[
        list[str] | None, typer.Option(metavar="LINK", help="A link that may connect no more.")
    ] = None,
    renew: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Make new credentials: the old ones open nothing any more."),
    ] = None,
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where the broker listens.")
    ] = _LISTEN_DEFAULT,
    host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A name or address by which clients reach it, beside --listen."),
    ] = None,
    at: Annotated[
        str, typer.Option(metavar="DIR", help="Where the folder `server` will lie on the broker's machine.")
    ] = "",
    user: Annotated[str, typer.Option(metavar="NAME", help="The account that mosquitto changes to.")] = "",
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Default: HOME/broker.")] = None,
    home: Home = None,
    as_json: Json = False,
) -> int:
    """Write mosquitto's configuration: TLS with a certificate for each client, and an access list.

    A link may speak and hear for itself only. Run it again with a new --link whenever one joins: what is
    there is kept. Then reload the broker (SIGHUP). Certificates have no end date, so that no wrong clock can
    silence a link; --without and --renew take an old one away.
    """
    settings = settings_from(os.environ, home)
    load_root(settings.root)
    # Read as a URL, so that host and port obey the same rules everywhere.
    address = read_address(f"mqtt://{listen}")
    wishes = BrokerWishes(
        host=address.host,
        port=address.port if _names_port(listen) else TLS_PORT,
        hosts=tuple(dict.fromkeys((address.host, *map(_checked_host, host or ())))),
        added=read_names(link or (), "--link"),
        removed=read_names(without or (), "--without"),
        renewed=tuple(dict.fromkeys(renew or ())),
        at=_on_one_line(at, "--at"),
        user=_on_one_line(user, "--user"),
    )
    if both := set(wishes.added) & set(wishes.removed):
        raise InputError(f"--link, --without: {', '.join(sorted(both))} in both; allowed: in one")
    folder = (out or settings.home / "broker").expanduser().absolute()
    passphrase = ask_passphrase(MACHINES_TOGETHER)
    _show(configure(folder, wishes, passphrase), wishes, as_json=as_json)
    return Exit.DONE


def _names_port(listen: str) -> bool:
    return listen.rpartition("]")[2].count(":") == 1


def _on_one_line(text: str, option: str) -> str:
    """A value of the configuration file. Raises InputError for one that a line of it cannot hold."""
    if not text.isprintable():
        raise InputError(f"{option}: {quoted(text)}; allowed: text on one line")
    return text


def _checked_host(host: str) -> str:
    """A host as a URL may hold it. Raises InputError for anything else."""
    return read_address(f"mqtt://[{host}]" if ":" in host else f"mqtt://{host}").host


def _show(found: BrokerFolder, wishes: BrokerWishes, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "folder": str(found.path),
                "config": str(found.path / SERVER / CONFIG_FILE),
                "listen": f"{wishes.host}:{wishes.port}",
                "links": found.links,
                "kiosks": found.kiosks,
                "made": found.made,
                "removed": found.removed,
            }
        )
        return
    print_lines(
        f"{found.path} is up to date; {len(found.links)} links and {len(found.kiosks)} kiosks may connect.",
        *([f"New credentials: {', '.join(found.made)}."] if found.made else []),
        *([f"Taken away: {', '.join(found.removed)}."] if found.removed else []),
        f"The broker needs {found.path / SERVER}: mosquitto -c mosquitto.conf; SIGHUP reloads one that runs.",
        f"Programs use --broker mqtts://{wishes.hosts[-1]}:{wishes.port}.",
        f"A link needs its own folder of {found.path / LINKS}, and nothing else.",
    )
