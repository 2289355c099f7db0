"""What each meter says that it has credited, by its own authentic words since this service began.

The store is not asked: a restored one says what was true once. So a statement is made only for a meter that
this run has heard, and stands above what that meter holds (design §4.3).
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from protocols.link.messages import MeterHolds, Reported, StatementHeld
from protocols.units import QUANTA_PER_UEUR

# An issuer and its epoch.
Counted = tuple[str, int]


class PurseHeard(Struct, frozen=True):
    """What one meter has credited (`_ueur`) of each issuer and epoch, by its newest word.

    `number`: of that word, in the life `epoch`. An epoch in which it has credited nothing yet stands
    there with 0: it has closed the epoch before. `credited_ueur`: all that it has ever credited; None: no
    report with these totals has said it.
    """

    epoch: int
    number: int
    totals_ueur: Mapping[Counted, int]
    credited_ueur: int | None = None

    @property
    def untold_ueur(self) -> int | None:
        """What it has credited of issuers and epochs of which it names no total any more."""
        return None if self.credited_ueur is None else self.credited_ueur - sum(self.totals_ueur.values())

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
        if not report.totals:
            return
        account = report.account
        credited_ueur = None if account is None else int(account.credited_q) // QUANTA_PER_UEUR
        totals = _totals(report.totals)
        self._hear(report.meter, PurseHeard(report.epoch, report.number, totals, credited_ueur))

    def _hear(self, meter: str, heard: PurseHeard) -> None:
        before = self._purses.get(meter)
        if before is not None and before.epoch == heard.epoch and heard.number <= before.number:
            return
        is_same = before is not None and (before.epoch, before.totals_ueur) == (
            heard.epoch,
            heard.totals_ueur,
        )
        if before is not None and is_same and heard.credited_ueur is None:
            heard = replace(heard, credited_ueur=before.credited_ueur)
        self._purses[meter] = heard
        if before is None or not is_same or before.credited_ueur != heard.credited_ueur:
            self.changed.add(meter)


def _totals(statements: Sequence[StatementHeld]) -> dict[Counted, int]:
    return {(each.issuer, each.epoch): each.total_ueur for each in statements}
