"""`relance-emulator fleet`: many emulated meters on links over MQTT, until Ctrl-C."""

import asyncio
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Annotated, Final, Never

import typer
from rich.console import Console
from rich.live import Live

from emulator.cli.fleet_view import ConnectionWatch, FleetState, state_of_links, state_of_unlinked
from emulator.cli.options import Json
from emulator.cli.trust import draw_epoch, read_secrets
from emulator.fleet.building import build_links, build_unlinked
from emulator.fleet.embedded_broker import EmbeddedBroker
from emulator.fleet.files import StateFolder
from emulator.fleet.pacing import PacedTime
from emulator.fleet.running import RunningLink
from emulator.forms.problems import perhaps
from emulator.population.plan import FleetPlan
from emulator.population.shipped import shipped_profiles
from protocols.errors import InputError, quoted
from protocols.limits import SCENARIO_METERS_MAX
from protocols.link.carriage import BrokerAddress, read_address
from protocols.rim.clocks import checked_now_ms
from protocols.rim.terminal import complain
from protocols.timekeeping import Timekeeper

EMBEDDED: Final = "embedded"
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}")
_PORT_MAX: Final = 65_535
GUARDED: Final = "guarded"
LEGACY: Final = "legacy-2020"
PROFILES: Final = {GUARDED: "wallonia-smart", LEGACY: "wallonia-card-2020"}
# Simulated seconds in a second: from a thousandth to a day in less than a second.
RATE_PERMILLE_MAX: Final = 100_000_000
# How often the state is shown; with --json every tenth state is written.
LOOK_EVERY_S: Final = 0.5
LOOKS_PER_LINE: Final = 10

Look = Callable[[], FleetState]


def run_fleet(
    *,
    broker: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="mqtt[s]://[USER:PASSWORD@]HOST[:PORT], or: embedded[:PORT]; else RELANCE_BROKER.",
        ),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The root that meters trust; else RELANCE_HOME/root.json."),
    ] = None,
    fleet_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The fleet's key; default: fleet.key beside the root.")
    ] = None,
    issuers: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Who signs payments; else issuers.json there.")
    ] = None,
    tls: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="For mqtts: a folder with one of credentials for each link."),
    ] = None,
    meters: Annotated[int, typer.Option(metavar="N", help="How many meters.")] = 20,
    links: Annotated[int, typer.Option(metavar="K", help="How many links share the meters.")] = 2,
    firmware: Annotated[str, typer.Option(metavar="NAME", help=f"{GUARDED} or {LEGACY}.")] = GUARDED,
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The kind of meter; default: wallonia-smart, or the card meter of 2020."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="S", help="Decides each meter's energy, drift, credit.")] = 1,
    rate: Annotated[float, typer.Option(metavar="R", help="Emulated seconds per second.")] = 1.0,
    state: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep the meters' memories here, over restarts.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Run a fleet of emulated meters until Ctrl-C.

    The meters of a link share one connection, which reconnects by itself. With --state, meters continue from
    where they stopped, even after a kill -9; they do not know how long they were without power, so their
    clocks are lost until both time services have answered. Without --state they are new each time. A
    legacy-2020 fleet has no remote channel: it runs, and exchanges nothing. With --json there is a line every
    5 seconds.

    Ends with 130 at Ctrl-C, 2 if an option or a file is wrong, 3 if the broker does not answer at the start.
    """
    kind = PROFILES.get(firmware, "") if profile is None else profile
    plan = _plan(meters, links, seed, firmware, kind)
    clock = PacedTime(checked_now_ms(), _rate_permille(rate))
    if firmware == LEGACY:
        if state is not None:
            raise InputError(f"--state: {LEGACY} keeps nothing over a restart; allowed: with {GUARDED}")
        asyncio.run(_run_unlinked(plan, clock, as_json=as_json))
    broker, root = _from_settings(broker, root, os.environ)
    secrets = read_secrets(root, fleet_key, issuers)
    find_broker = _broker(broker, str(tls or ""))
    with ExitStack() as stack:
        _keep_in(state, stack, plan, kind)
        address = find_broker(stack)
        built = build_links(plan, secrets, clock.now_ms(), state, epoch=draw_epoch())
        running = [RunningLink(link, _own_credentials(address, link.name), clock) for link in built]
        try:
            asyncio.run(_run_links(running, clock, as_json=as_json))
        finally:
            for each in running:
                each.save()


def _keep_in(state: Path | None, stack: ExitStack, plan: FleetPlan, kind: str) -> None:
    """Lock the folder of a fleet's memories, and check that it is of such a fleet. Raises InputError."""
    if state is not None:
        stack.enter_context(StateFolder(state)).check_choices(
            {"meters": plan.meters, "links": plan.links, "seed": plan.seed, "profile": kind}
        )


def _broker(broker: str, credentials: str) -> Callable[[ExitStack], BrokerAddress]:
    """How the broker's address is found: one of the fleet's own is started first. Raises InputError."""
    name, separator, port = broker.partition(":")
    if name != EMBEDDED:
        address = read_address(broker, credentials)
        return lambda _stack: address
    if not separator:
        return partial(_started, EmbeddedBroker())
    if not _PORT.fullmatch(port) or int(port) > _PORT_MAX:
        raise InputError(
            f"--broker: {quoted(broker)}; allowed: embedded, or embedded:1 to embedded:{_PORT_MAX}"
        )
    return partial(_started, EmbeddedBroker(int(port)))


def _started(broker: EmbeddedBroker, stack: ExitStack) -> BrokerAddress:
    """The address of the fleet's own broker, which runs until the stack is closed."""
    address = stack.enter_context(broker).address
    complain(f"broker: {address}")
    return address


def _own_credentials(address: BrokerAddress, link: str) -> BrokerAddress:
    """The address with the credentials of one link, whose folder has the link's name."""
    if not address.credentials:
        return address
    return replace(address, credentials=str(Path(address.credentials) / link))


def _from_settings(broker: str | None, root: Path | None, environment: Mapping[str, str]) -> tuple[str, Path]:
    """Broker and root: those given, else those of the environment, as `relance serve` takes them."""
    broker = broker or environment.get("RELANCE_BROKER")
    if not broker:
        raise InputError(
            "--broker: missing; allowed: mqtt[s]://HOST[:PORT], embedded[:PORT], or RELANCE_BROKER"
        )
    home = environment.get("RELANCE_HOME")
    if root is None and home:
        root = Path(home) / "root.json"
    if root is None:
        raise InputError(
            "--root: missing; allowed: the root.json that `relance init` writes, or RELANCE_HOME"
        )
    return broker, root


def _plan(meters: int, links: int, seed: int, firmware: str, profile: str) -> FleetPlan:
    if not 1 <= meters <= SCENARIO_METERS_MAX:
        raise InputError(f"--meters: {meters}; allowed: 1 to {SCENARIO_METERS_MAX}")
    if not 1 <= links <= meters:
        raise InputError(f"--links: {links}; allowed: 1 to {meters}, the number of meters")
    if firmware not in (GUARDED, LEGACY):
        allowed = f"{GUARDED}, {LEGACY}{perhaps(firmware, (GUARDED, LEGACY))}"
        raise InputError(f"--firmware: {quoted(firmware)}; allowed: {allowed}")
    profiles = shipped_profiles()
    if profile not in profiles:
        raise InputError(
            f"--profile: {quoted(profile)}; allowed: {', '.join(profiles)}{perhaps(profile, profiles)}"
        )
    return FleetPlan(meters, links, seed, profiles[profile])


def _rate_permille(rate: float) -> int:
    # Compared before it is rounded: the largest float is a number, and a thousand times it is none.
    if not 1 <= rate * 1000 <= RATE_PERMILLE_MAX:
        raise InputError(f"--rate: {rate:g}; allowed: 0.001 to {RATE_PERMILLE_MAX // 1000}")
    return round(rate * 1000)


async def _run_links(running: Sequence[RunningLink], clock: Timekeeper, *, as_json: bool) -> Never:
    """Run the links until cancelled. Raises UnreachableError if the broker does not answer at the start."""
    tasks = [asyncio.create_task(each.run()) for each in running]

    def look() -> FleetState:
        traffics = [each.carrier.traffic for each in running]
        return state_of_links(
            [each.link for each in running],
            clock.now_ms(),
            online=sum(each.carrier.connected for each in running),
            published=sum(traffic.published.total() for traffic in traffics),
            received=sum(traffic.received.total() for traffic in traffics),
        )

    # One line for all links instead of one for each, and none in the words of the MQTT library.
    logging.getLogger("protocols.rim.carrier").setLevel(logging.ERROR)
    logging.getLogger("mqtt").setLevel(logging.CRITICAL)
    try:
        for each in running:
            await each.carrier.first_attempt()
        await _show(look, tasks, as_json=as_json)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _run_unlinked(plan: FleetPlan, clock: Timekeeper, *, as_json: bool) -> Never:
    """Run card meters until cancelled. They send nothing; their state is only shown."""
    fleet = build_unlinked(plan, clock.now_ms(), lambda _household, _effects: None)

    async def run() -> None:
        while True:
            due_ms = fleet.next_due_ms()
            assert due_ms is not None
            await clock.sleep_until(due_ms)
            fleet.advance(clock.now_ms())
            await asyncio.sleep(0)

    complain(f"{LEGACY}: no remote channel; the meters run and exchange nothing")
    running = asyncio.create_task(run())
    try:
        await _show(lambda: state_of_unlinked(fleet, clock.now_ms()), [running], as_json=as_json)
    finally:
        running.cancel()


async def _show(look: Look, tasks: Sequence[asyncio.Task[None]], *, as_json: bool) -> Never:
    """Show the state at intervals until cancelled. Raises what one of `tasks` raised."""
    watch, is_table = ConnectionWatch(), sys.stdout.isatty() and not as_json
    with _shown(as_json=as_json) as show:
        while True:
            for task in tasks:
                if task.done():
                    await task
            state = look()
            show(state)
            said = watch.said(state, asyncio.get_running_loop().time())
            # A live table shows connections itself; with --json the first state does.
            if said is not None and not is_table and not (as_json and said.startswith("connected:")):
                complain(said)
            await asyncio.sleep(LOOK_EVERY_S)


@contextmanager
def _shown(*, as_json: bool) -> Iterator[Callable[[FleetState], None]]:
    """How to show a state: as JSON lines, as a live table on a terminal, or as a line per change."""
    if as_json:
        looks = count()

        def show_json(state: FleetState) -> None:
            if next(looks) % LOOKS_PER_LINE == 0:
                _write(state.json_line())

        yield show_json
    elif sys.stdout.isatty():
        with Live(console=Console(highlight=False), auto_refresh=False) as live:
            yield lambda state: live.update(state.table("relance fleet"), refresh=True)
    else:
        shown: list[tuple[object, ...]] = []

        def show_change(state: FleetState) -> None:
            if shown != [state.changes()]:
                shown[:] = [state.changes()]
                _write(state.line())

        yield show_change


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
