"""Real processes: what a black box holds reaches the controller, though nobody listened when it was told."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controller.database.engine import reading
from protocols.rim.clocks import now_ms
from tests.brokers.running import Embedded
from tests.controller.faces.cli.invocation import found_home
from tests.kills.black_boxes import BlackBoxes
from tests.kills.judging import missing_entries
from tests.kills.plan import METERS, How, Part
from tests.kills.play import PATIENCE_S, fleet_plan, office_of
from tests.kills.running import Site

STOPPED_S = 20.0


@contextmanager
def site_in(folder: Path) -> Iterator[tuple[Site, BlackBoxes]]:
    """A home and a broker; the programs are started by the test."""
    found_home(folder / "home")
    broker = Embedded()
    broker.start()
    site = Site(folder / "home", folder, broker, fleet_plan(1).seed)
    try:
        yield site, BlackBoxes(site.state / "journals")
    finally:
        site.stop()


def wait_for_events(site: Site, boxes: BlackBoxes, more_than: int) -> int:
    """Wait until the black boxes hold so many entries; returns how many."""

    def count() -> int:
        boxes.look(now_ms())
        return sum(len(boxes.of(meter)) for meter in fleet_plan(1).ids())

    assert site.wait_until(lambda: count() > more_than, PATIENCE_S), site.logs()
    return count()


def lacking(site: Site, boxes: BlackBoxes) -> list[str]:
    """What the controller's store lacks of the black boxes."""
    boxes.look(now_ms())
    with office_of(site.home) as office, reading(office.store) as session:
        return [
            each for meter in fleet_plan(1).ids() for each in missing_entries(session, meter, boxes.of(meter))
        ]


def test_a_fleet_that_starts_before_the_first_serve_loses_no_entry(tmp_path: Path) -> None:
    with site_in(tmp_path) as (site, boxes):
        site.programs[Part.TIMESERVER].start()
        site.programs[Part.FLEET].start()
        # Households that begin with little credit are told so, and warned.
        wait_for_events(site, boxes, METERS)
        assert lacking(site, boxes)
        site.programs[Part.SERVE].start()
        assert site.wait_until(lambda: not lacking(site, boxes), PATIENCE_S), lacking(site, boxes)
        assert site.call("status", "--json").found["black_boxes_with_gaps"] == 0


def test_a_serve_that_stands_still_and_is_killed_loses_no_entry(tmp_path: Path) -> None:
    with site_in(tmp_path) as (site, boxes):
        for part in site.programs:
            site.programs[part].start()
        wait_for_events(site, boxes, METERS)
        assert site.wait_until(lambda: not lacking(site, boxes), PATIENCE_S), lacking(site, boxes)
        site.strike(Part.SERVE, How.FREEZE)
        before = wait_for_events(site, boxes, 0)
        # The broker acknowledges what these meters say, and hands it to a process that never reads it.
        site.strike(Part.FLEET, How.KILL)
        site.help_up(Part.FLEET, How.KILL)
        site.wait_until(lambda: False, STOPPED_S)
        assert wait_for_events(site, boxes, before) > before
        assert lacking(site, boxes)
        site.strike(Part.SERVE, How.KILL)
        site.help_up(Part.SERVE, How.KILL)
        assert site.wait_until(lambda: not lacking(site, boxes), PATIENCE_S), lacking(site, boxes)
        assert site.call("status", "--json").found["black_boxes_with_gaps"] == 0
