"""One run: a home, the real processes, a season of short windows, blows, errands, and then all heals.

`python -m tests.kills.play KILLS [SEED [RUNS]]` plays RUNS seeds from SEED on, each with so many
blows; `make kills` calls it.
"""

import subprocess
import sys
import time  # noqa: TID251 # waits for real processes
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from controller.database.engine import reading
from controller.meters.black_boxes import count_gaps
from controller.office.opening import Office, open_office
from controller.office.people import open_actor
from controller.office.settings import settings_from
from controller.orders.acting import Act, acting
from controller.orders.acts import sign
from controller.timing.store import read_clock
from emulator.cli.trust import read_secrets
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.fleet.building import build_links
from emulator.population.plan import FleetPlan, household_plan
from protocols.documents.drafting import CalendarRule, unlinted_calendar
from protocols.documents.kind_rule import Kind
from protocols.instants import MINUTE_MS, SECOND_MS, UtcMs, iso_from_ms
from protocols.link.records import SupplyChanged
from protocols.reasons import Energy, Supply
from protocols.rim.clocks import now_ms
from protocols.spans import Window
from protocols.units import QUANTA_PER_EUR, UEUR_PER_EUR
from tests.brokers.running import Embedded, Mosquitto, RunningBroker
from tests.controller.faces.cli.invocation import PASSPHRASE, Ended, found_home
from tests.kills.black_boxes import BlackBoxes, cuts_of
from tests.kills.fleet_program import PROFILE, dear_profiles
from tests.kills.judging import EFFECTIVE, Facts, Found, judge, undelivered
from tests.kills.plan import (
    FLAGGED,
    LINKS,
    METERS,
    ORDINARY,
    TO_RELEASE,
    Blow,
    Errand,
    How,
    Part,
    Plan,
    What,
    draw,
)
from tests.kills.running import COMMAND_S, EMULATOR, Command, Site
from tests.simulation.money import Paid

_LOOK_EVERY_S: Final = 0.05
# From the signatures under the calendar until the first blow.
_AHEAD_MS: Final = 5 * SECOND_MS
# From the last blow until the window in which everybody who owes is cut, and how long that is open.
_HEALED_AFTER_MS: Final = 6 * SECOND_MS
_LAST_WINDOW_MS: Final = 10 * MINUTE_MS
# A link says again what nobody has acknowledged after a minute, and then after two.
PATIENCE_S: Final = 400.0
_TYPED_AT_ONCE: Final = 3
_PAUSE_MS: Final = 4 * SECOND_MS
_UEUR_PER_CENT: Final = UEUR_PER_EUR // 100
# What is paid beyond what a meter owes: some seconds of energy.
_LAST_CENTS: Final = 3_00
# First credit that is used up within a quarter of a minute.
_POOR_Q: Final = 15 * QUANTA_PER_EUR
_FLEETS_TRIED_MAX: Final = 1_000_000


class Outcome(Struct):
    """What a run has shown, and where its logs are."""

    plan: Plan
    folder: Path
    found: Found
    blows: int
    commands: int
    killed_commands: int


class Run:
    """One run of a plan at a site."""

    def __init__(self, plan: Plan, fleet: FleetPlan, site: Site) -> None:
        self.plan, self.fleet, self.site = plan, fleet, site
        self.boxes = BlackBoxes(site.state / "journals")
        self.windows_ms: tuple[tuple[int, int], ...] = ()
        self.began_ms = 0
        self.paid: dict[str, Paid] = {}
        self.released: dict[str, list[str]] = {}
        self.wrong: list[str] = []
        self.commands = self.killed_commands = 0
        self._typed: list[tuple[Errand, Command]] = []
        self._again: list[Errand] = []
        self._looked_s = 0.0

    # -- before ---------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start everything, protect who must be, and let two people sign the windows."""
        for part in Part:
            if part is not Part.BROKER:
                self.site.parts[part].start()
        self._must("every meter is known", lambda: self._meters("--clock", "trusted") == METERS)
        for meter in FLAGGED:
            self._done(self.site.call("flag", "set", meter, "medical", "--json"), "flag")
        self._must("every flag is effective", lambda: self._arrived(Kind.SET_FLAG))
        self._sign_calendar()
        self._must("every meter has calendar and lease", lambda: self._arrived(Kind.CUT_CALENDAR, Kind.LEASE))

    def _sign_calendar(self) -> None:
        self.began_ms = now_ms() + _AHEAD_MS
        last_ms = self.began_ms + self.plan.end_ms + _HEALED_AFTER_MS
        windows = [(self.began_ms + begin, self.began_ms + end) for begin, end in self.plan.windows_ms]
        windows = [(begin, end) for begin, end in windows if end < last_ms]
        self.windows_ms = (*windows, (last_ms, last_ms + _LAST_WINDOW_MS))
        spans = [Window(*each) for each in self.windows_ms]
        # The command line refuses such windows: they are open on any day at any hour.
        said = CalendarRule("mon-sun 00:00-24:00", "UTC", "none")
        with self._acting("anne") as act:
            sheet = act.sheet(Kind.CUT_CALENDAR, "kills")
            order = act.submit(unlinted_calendar(sheet, "kills", spans, said, spans[-1].end_ms)).order
        with self._acting("bart") as act:
            sign(act, order.id)

    # -- meanwhile ------------------------------------------------------------------------------------

    def strike(self) -> None:
        """Play the plan: blows, help, and what people type."""
        begun_s = time.monotonic() + max(0, self.began_ms - now_ms()) / SECOND_MS
        events: list[tuple[int, Blow | Errand | tuple[Blow]]] = []
        events += ((each.at_ms, each) for each in self.plan.blows)
        events += ((each.at_ms + each.for_ms, (each,)) for each in self.plan.blows)
        events += ((each.at_ms, each) for each in self.plan.errands)
        for at_ms, event in sorted(events, key=lambda event: event[0]):
            while time.monotonic() < begun_s + at_ms / SECOND_MS:
                self._look()
            match event:
                case Blow():
                    self._say(f"{event.how} {event.part}")
                    self.site.strike(event.part, event.how)
                case Errand():
                    self._type(event)
                case (blow,):
                    self._say(f"{blow.part} goes on")
                    self.site.help_up(blow.part, blow.how)

    def _look(self) -> None:
        """Whatever happens all the time."""
        self.site.keep()
        if time.monotonic() - self._looked_s > 3 * _LOOK_EVERY_S:
            self.boxes.look(now_ms())
            self._looked_s = time.monotonic()
        for errand, command in list(self._typed):
            ended = command.ended()
            if ended is not None:
                self._typed.remove((errand, command))
                self._note(errand, ended)
            elif errand.killed_after_ms and command.runs_ms >= errand.killed_after_ms:
                command.kill()
        time.sleep(_LOOK_EVERY_S)

    def _type(self, errand: Errand) -> None:
        self.commands += 1
        self._typed.append((errand, self.site.command(*_argv(errand), "--json")))

    def _note(self, errand: Errand, ended: Ended) -> None:
        """A command has ended: what it has promised counts, and what failed is typed again in the end."""
        self.killed_commands += ended.status < 0
        self._say(f"{errand.what} {errand.name} {errand.meter}: {ended.status} {ended.err.strip()}")
        if ended.status:
            if ended.status > 0 and "Traceback" in ended.err:
                self.wrong.append(f"{errand.what} {errand.name}: {ended.err}")
            self._again.append(errand)
        elif errand.what is What.PAY:
            self.paid[errand.name] = Paid(errand.meter, errand.cents * _UEUR_PER_CENT)
        elif errand.what is What.RELEASE:
            (order,) = ended.found["orders"]
            self.released.setdefault(errand.meter, []).append(order["id"])

    # -- afterwards -----------------------------------------------------------------------------------

    def heal(self) -> None:
        """Nothing fails any more: what failed is typed again, all arrives, and who owes is cut."""
        if self.plan.restarts_at_the_end:
            self._must("the time can be told", self._can_answer)
            self.site.strike(Part.FLEET, How.KILL)
            self.site.help_up(Part.FLEET, How.KILL)
        while self._typed:
            self._look()
        again, self._again = self._again, []
        self._type_all([_unkilled(each) for each in again if each.what is not What.PAUSE])
        self._must("the last window opens", lambda: now_ms() > self.windows_ms[-1][0])
        self._eventually("everybody who owes is off", lambda: all(map(self._is_off, ORDINARY)))
        last = enumerate((each for each in ORDINARY if not self._is_cut_again(each)), start=1)
        self._type_all(
            [
                Errand(0, What.PAY, f"last{number}", meter, self._owes_cents(meter) + _LAST_CENTS)
                for number, meter in last
            ]
        )
        self._eventually("everybody is cut again", lambda: all(map(self._is_cut_again, ORDINARY)))
        self._eventually("everything is effective", lambda: self._arrived(*EFFECTIVE))
        self._eventually("no black box has a gap", lambda: self._gaps() == 0)

    def _type_all(self, errands: list[Errand]) -> None:
        """Type some commands, a few at once; a store that others hold too long is tried again."""
        until_s = time.monotonic() + PATIENCE_S
        while (errands or self._typed) and time.monotonic() < until_s:
            while errands and len(self._typed) < _TYPED_AT_ONCE:
                self._type(errands.pop(0))
            self._look()
            errands += self._again
            self._again = []
        self.wrong += (f"{each.what} {each.name} is not taken when all is well" for each in errands)

    def _is_off(self, meter: str) -> bool:
        """Whether its own black box says so."""
        changes = [each.record for each in self.boxes.of(meter) if isinstance(each.record, SupplyChanged)]
        return bool(changes) and changes[-1].after is Supply.OFF

    def _is_cut_again(self, meter: str) -> bool:
        """Whether it was cut in the last window, which opened when all was well."""
        verdicts = [cut.verdict for cut in cuts_of(meter, self.boxes.of(meter)) if cut.verdict is not None]
        last_ms = self.windows_ms[-1][0]
        return any(each.question.interval.earliest_ms >= last_ms for each in verdicts)

    def _owes_cents(self, meter: str) -> int:
        """What a clerk sees that a meter owes, rounded up."""
        (found,) = (
            each for each in self.site.call("meters", "list", "--json").found["meters"] if each["id"] == meter
        )
        return max(0, -(int(found["balance_ueur"]) // _UEUR_PER_CENT))

    def judge(self) -> Found:
        """All processes have ended: what they left must be right."""
        self.boxes.look_again(now_ms())
        plan = self.fleet
        self.wrong += chains(self.site)
        meters = meters_of(plan, self.site)
        facts = Facts(self.windows_ms, FLAGGED, self.released, tuple(self.paid.values()))
        with office_of(self.site.home) as office, reading(office.store) as session:
            found = judge(session, self.boxes, meters, plan, facts)
        audit = self.site.call("audit", "verify")
        if audit.status:
            found.wrong.append(f"audit verify: {audit.out}{audit.err}")
        found.wrong = [*self.wrong, *found.wrong]
        return found

    @contextmanager
    def _acting(self, name: str) -> Iterator[Act]:
        with office_of(self.site.home) as office:
            actor = open_actor(office.settings, office.root, name, PASSPHRASE)
            with acting(office.store, office.root, actor, now_ms(), "kills") as act:
                yield act

    # -- inside ---------------------------------------------------------------------------------------

    def _done(self, ended: Ended, what: str) -> None:
        assert ended.status == 0, (what, ended)

    def _eventually(self, what: str, holds: Callable[[], bool]) -> None:
        if not self._waits(holds, what):
            self.wrong.append(f"not within {PATIENCE_S:.0f} s of quiet: {what}")

    def _must(self, what: str, holds: Callable[[], bool]) -> None:
        assert self._waits(holds, what), f"{what}: not within {PATIENCE_S:.0f} s\n{self.site.logs()}"

    def _waits(self, holds: Callable[[], bool], what: str) -> bool:
        begun_s = time.monotonic()
        while not (is_so := holds()) and time.monotonic() - begun_s < PATIENCE_S:
            for _ in range(4):
                self._look()
        self._say(f"{what}: {'after' if is_so else 'not within'} {time.monotonic() - begun_s:.1f} s")
        return is_so

    def _say(self, what: str) -> None:
        """Note in the run's own log what was waited for."""
        with (self.site.folder / "run.log").open("a", encoding="utf-8") as log:
            log.write(f"{iso_from_ms(now_ms())} {what}\n")

    def _meters(self, *asked: str) -> int:
        return len(self.site.call("meters", "list", *asked, "--json").found["meters"])

    def _arrived(self, *kinds: Kind) -> bool:
        """Whether there are orders of each kind, and every meter has what names it."""
        with office_of(self.site.home) as office, reading(office.store) as session:
            return not any(undelivered(session, kinds))

    def _can_answer(self) -> bool:
        """Whether both who tell the time are connected, and the service trusts its own."""
        with office_of(self.site.home) as office, reading(office.store) as session:
            written = read_clock(session)
        connected = all(map(self.site.is_connected, (Part.SERVE, Part.TIMESERVER)))
        return connected and written is not None and written.judged.trusted

    def _gaps(self) -> int:
        with office_of(self.site.home) as office, reading(office.store) as session:
            return count_gaps(session)


def play(seed: int, blows: int, broker: RunningBroker, folder: Path) -> Outcome:
    """Play a seed, and judge it; everything that was started has ended then."""
    plan = draw(seed, blows)
    home = folder / "home"
    found_home(home)
    broker.start()
    fleet = fleet_plan(seed)
    site = Site(home, folder, broker, fleet.seed)
    run = Run(plan, fleet, site)
    try:
        run.begin()
        run.strike()
        run.heal()
    finally:
        site.stop()
    return Outcome(plan, folder, run.judge(), len(plan.blows), run.commands, run.killed_commands)


def told(outcome: Outcome) -> str:
    """What was found, in lines."""
    found, seed = outcome.found, outcome.plan.seed
    line = (
        f"seed {seed}: {outcome.blows} blows, {outcome.commands} commands "
        f"({outcome.killed_commands} of them killed), {found.cuts} cuts ({found.wrong_cuts} wrong), "
        f"{found.entries} entries ({found.missing} missing)"
    )
    if not found.wrong:
        return line
    again = f"again: make kills KILLS={outcome.blows} SEED={seed}; what it left: {outcome.folder}"
    return "\n".join((line, *found.wrong, again))


@cache
def fleet_plan(seed: int) -> FleetPlan:
    """Who is in the fleet of a run: those who shall be cut are poor, and most have electricity."""
    profile = dear_profiles()[PROFILE]
    for fleet_seed in count(seed * _FLEETS_TRIED_MAX):
        plan = FleetPlan(METERS, LINKS, fleet_seed, profile)
        if all(_is_poor(plan, name) for name in (*ORDINARY, *TO_RELEASE)):
            return plan
    raise AssertionError(seed)


def _is_poor(plan: FleetPlan, name: str) -> bool:
    made = household_plan(plan, name)
    is_electric = made.profile.energy is Energy.ELECTRICITY
    return made.balance_q <= _POOR_Q and (is_electric or name not in ORDINARY)


def meters_of(plan: FleetPlan, site: Site) -> dict[str, GuardedMeter]:
    """The meters as the memories of a fleet that has ended hold them."""
    secrets = read_secrets(site.home / "root.json", None)
    links = build_links(plan, secrets, UtcMs(now_ms()), site.state)
    return {name: each.household.meter for link in links for name, each in link.meters.items()}


def chains(site: Site) -> Iterator[str]:
    """Black boxes whose chain is broken, or in which a verdict comes out otherwise."""
    files = sorted(map(str, (site.state / "journals").glob("*.jsonl")))
    for verb in ("verify", "replay"):
        done = subprocess.run(
            [EMULATOR, "journal", verb, *files],
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )
        if done.returncode:
            yield f"journal {verb}: {done.stdout}{done.stderr}"


@contextmanager
def office_of(home: Path) -> Iterator[Office]:
    """The office of a home, as its commands open it."""
    with open_office(settings_from({}, home, None)) as office:
        yield office


def _argv(errand: Errand) -> tuple[str, ...]:
    match errand.what:
        case What.PAY:
            amount = f"{errand.cents // 100}.{errand.cents % 100:02}"
            return "topup", errand.meter, "--eur", amount, "--id", errand.name
        case What.RELEASE:
            return "release", errand.meter
        case What.PAUSE:
            until = iso_from_ms((now_ms() + _PAUSE_MS) // SECOND_MS * SECOND_MS)
            return "moratorium", "declare", errand.name, "--until", until


def _unkilled(errand: Errand) -> Errand:
    return replace(errand, killed_after_ms=0)


def main(arguments: Sequence[str]) -> int:
    """0 where all held what it must."""
    blows, first, runs = (*map(int, arguments), 0, 1)[:3]
    failed = 0
    for seed in range(first, first + max(runs, 1)):
        folder = Path(mkdtemp(prefix=f"relance-kills-{seed}-"))
        broker: RunningBroker = Mosquitto(folder) if seed % 2 else Embedded()
        outcome = play(seed, blows, broker, folder)
        sys.stdout.write(told(outcome) + "\n")
        sys.stdout.flush()
        failed += bool(outcome.found.wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
