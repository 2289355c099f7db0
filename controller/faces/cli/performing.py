"""One act from the command line to what is printed: the part that all verbs share."""

from dataclasses import dataclass
from pathlib import Path

from controller.faces.cli.acting import Draft, act, check_known
from controller.faces.cli.order_words import order_fields, tell
from controller.faces.cli.showing import print_json
from controller.office.desk import open_desk
from protocols.cutting.zones import load_zone
from protocols.documents.orders import Kind
from protocols.rim.terminal import Exit


@dataclass(frozen=True, slots=True)
class Manner:
    """How an act is done and told: the options that all verbs share."""

    by: str | None
    basis: str
    zone: str
    home: Path | None
    database: str | None
    as_json: bool


def perform(kind: Kind, manner: Manner, draft: Draft, meters: tuple[str, ...] = ()) -> int:
    """Make one order of a kind, for meters that must be known, and say what became of it."""
    zone = load_zone(manner.zone, "--zone")
    with open_desk(manner.home, manner.database) as desk:
        check_known(desk, meters)
        (standing,) = act(desk, kind, manner.by, manner.basis, draft)
    if manner.as_json:
        print_json(order_fields(standing))
    else:
        tell(standing, zone)
    return Exit.DONE
