"""What each meter says that it has credited, by its own authentic words since this service began.

The store is not asked: a restored one says what was true once. So a statement is made only for a meter that
this run has heard, and stands above what that meter holds (design §4.3).
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from protocols.link.messages import MeterHolds, Reported, StatementHeld

# An issuer and its epoch.
Counted = tuple[str, int]


class PurseHeard(Struct, frozen=True):
    """What one meter has credited (`_ueur`) of each issuer and epoch, by its newest word.

    `number`: of that word, in the life `epoch`. An epoch in which it has credited nothing yet stands
    there with 0: it has closed the epoch before.
    """

    epoch: int
    number: int
    totals_ueur: Mapping[Counted, int]

    def epochs_ueur(self, issuer: str) -> dict[int, int]:
        """What it has credited of an issuer, by epoch: the present one, and the one that it closed last."""
        return {epoch: ueur for (name, epoch), ueur in self.totals_ueur.items() if name == issuer}


class PursesHeard:
    """The purses of a run. `changed`: of which the totals are news since they were last looked at."""

    def __init__(self) -> None:
        self.changed: set[str] = set()
        self._purses: dict[str, PurseHeard] = {}

    def of(self, meter: str) -> PurseHeard | None:
        """What a meter has said since this run began."""
        return self._purses.get(meter)

    def look_again(self) -> None:
        """All are news: the issuers have changed."""
        self.changed |= self._purses.keys()

    def hear_holdings(self, holds: MeterHolds) -> None:
        """A meter of a present life says all that it holds."""
        self._hear(holds.meter, PurseHeard(holds.epoch, holds.number, _totals(holds.statements)))

    def hear_report(self, report: Reported) -> None:
        """A meter of a present life reports; an older firmware names no totals."""
        if report.totals:
            self._hear(report.meter, PurseHeard(report.epoch, report.number, _totals(report.totals)))

    def _hear(self, meter: str, heard: PurseHeard) -> None:
        before = self._purses.get(meter)
        if before is not None and before.epoch == heard.epoch and heard.number <= before.number:
            return
        self._purses[meter] = heard
        if before is None or (before.epoch, before.totals_ueur) != (heard.epoch, heard.totals_ueur):
            self.changed.add(meter)


def _totals(statements: Sequence[StatementHeld]) -> dict[Counted, int]:
    return {(each.issuer, each.epoch): each.total_ueur for each in statements}
