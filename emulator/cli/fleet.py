"""`relance-emulator fleet`: many emulated meters on links over MQTT, until Ctrl-C."""

import asyncio
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Final, Never

import typer
from rich.console import Console
from rich.live import Live

from emulator.cli.exits import complain
from emulator.cli.fleet_view import FleetState, state_of_links, state_of_unlinked
from emulator.cli.trust import read_secrets
from emulator.embedded_broker import EmbeddedBroker
from emulator.files import StateFolder
from emulator.fleet import FleetPlan, RunningLink, build_links, build_unlinked
from emulator.pacing import PacedTime, system_now_ms
from emulator.shipped import shipped_profiles
from emulator.unlinked import UnlinkedMeters
from protocols.carriage import BrokerAddress, read_address
from protocols.errors import InputError, quoted
from protocols.limits import SCENARIO_METERS_MAX
from protocols.timekeeping import Timekeeper

EMBEDDED: Final = "embedded"
GUARDED: Final = "guarded"
LEGACY: Final = "legacy-2020"
# Simulated seconds in a second: from a thousandth to a day in less than a second.
RATE_PERMILLE_MAX: Final = 100_000_000
# How often the numbers are looked at; a JSON line is written at every tenth look.
LOOK_EVERY_S: Final = 0.5
LOOKS_PER_LINE: Final = 10

Look = Callable[[], FleetState]


def run_fleet(
    broker: Annotated[
        str, typer.Option(metavar="URL", help="mqtt://[USER:PASSWORD@]HOST[:PORT], or: embedded")
    ],
    root: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The root that meters trust: HOME/root.json.")
    ] = None,
    fleet_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The fleet's key; else fleet.key beside the root.")
    ] = None,
    meters: Annotated[int, typer.Option(metavar="N", help="How many meters.")] = 20,
    links: Annotated[int, typer.Option(metavar="K", help="On how many links they hang.")] = 2,
    firmware: Annotated[str, typer.Option(metavar="NAME", help=f"{GUARDED} or {LEGACY}.")] = GUARDED,
    profile: Annotated[str, typer.Option(metavar="NAME", help="The kind of meter.")] = "wallonia-smart",
    seed: Annotated[int, typer.Option(metavar="S", help="Decides each meter's energy, drift, credit.")] = 1,
    rate: Annotated[float, typer.Option(metavar="R", help="Emulated seconds per second.")] = 1.0,
    state: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep the meters' memories here, over restarts.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object per line, every 5 s.")] = False,  # noqa: FBT002
) -> int:
    """Run a fleet of emulated meters until Ctrl-C.

    The meters of a link share one connection, which comes back by itself. With --state, meters go on from
    where they were, also after a kill -9; they do not know how long they were dark, so their clocks are lost until
    both time services have answered. Without it they are new each time. A legacy-2020 fleet has no remote
    channel: it runs, and exchanges nothing.

    Ends with 130 at Ctrl-C, 2 when an option or a file is wrong, 3 when the broker does not answer at the start.

    Examples: `relance-emulator fleet --broker mqtt://localhost --root home/root.json`,
    `relance-emulator fleet --meters 1000 --links 4 --broker embedded --root home/root.json --state fleet`.
    """
    plan = _plan(meters, links, seed, firmware, profile)
    rate_permille = _rate(rate)
    with ExitStack() as things:
        if firmware == LEGACY:
            asyncio.run(_run_unlinked(plan, rate_permille, as_json=as_json))
        if root is None:
            raise InputError("--root: missing; allowed: the root.json that `relance init` writes")
        secrets = read_secrets(root, fleet_key)
        address = None if broker == EMBEDDED else read_address(broker)
        if state is not None:
            folder = things.enter_context(StateFolder(state))
            folder.check_choices({"meters": meters, "links": links, "seed": seed, "profile": profile})
        if address is None:
            address = things.enter_context(EmbeddedBroker()).address
            complain(f"broker: {address}")
        clock = PacedTime(system_now_ms(), rate_permille)
        built = build_links(plan, secrets, clock.now_ms(), state)
        logging.getLogger("emulator.mqtt").addHandler(logging.NullHandler())
        try:
            asyncio.run(_run_links([(link, address) for link in built], clock, as_json=as_json))
        finally:
            for link in built:
                link.save(clock.now_ms())
