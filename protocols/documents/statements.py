"""Payments as statements: the difference to the running total is credited, once (design §4.3).

Every payment belongs to one *issuer* (the controller, or one offline kiosk). A *statement* is
`(issuer, number, running total)`; card, network and code carry the same statements. A meter keeps
the highest of each issuer and credits the difference: a statement that comes twice, late or by a second
channel changes nothing, and no list of payments is needed. Money is in micro-euro (`_ueur`). Pure.
"""

from bisect import insort
from typing import Final

from msgspec import Struct

from protocols.limits import REV_MAX, STATEMENT_UEUR_MAX
from protocols.reasons import Refusal


class Statement(Struct, frozen=True, order=True):
    """The running total of all payments of `issuer` to one meter, after its `number`-th payment."""

    issuer: str
    number: int
    total_ueur: int


class Totals(Struct, frozen=True):
    """The highest statement of each issuer that one meter holds, ascending by issuer."""

    held: tuple[Statement, ...] = ()

    def of(self, issuer: str) -> Statement | None:
        """The statement that is held of one issuer."""
        return next((each for each in self.held if each.issuer == issuer), None)

    @property
    def credited_ueur(self) -> int:
        """The sum of all that was ever credited by statements."""
        return sum(each.total_ueur for each in self.held)


NO_TOTALS: Final = Totals()


def apply_statement(
    totals: Totals, issuer: str, number: int, total_ueur: int, *, has_room: bool = True
) -> tuple[Totals, int] | Refusal:
    """The totals with this statement, and the difference to credit (`_ueur`; 0 if it is already held).

    OUT_OF_RANGE if number or total is out of bounds, or if the statement contradicts the one held: a
    running total never falls, and one number has one total. TOO_MANY for an issuer that is not known yet
    where there is no room for another. A refusal changes nothing.
    """
    if not (1 <= number <= REV_MAX and 0 <= total_ueur <= STATEMENT_UEUR_MAX):
        return Refusal.OUT_OF_RANGE
    held = totals.of(issuer)
    if held is None:
        if not has_room:
            return Refusal.TOO_MANY
        held = Statement(issuer, 0, 0)
    if _contradicts(held, number, total_ueur):
        return Refusal.OUT_OF_RANGE
    if number <= held.number:
        return totals, 0
    others = [each for each in totals.held if each.issuer != issuer]
    insort(others, Statement(issuer, number, total_ueur))
    return Totals(tuple(others)), total_ueur - held.total_ueur


def _contradicts(held: Statement, number: int, total_ueur: int) -> bool:
    if number == held.number:
        return total_ueur != held.total_ueur
    return total_ueur < held.total_ueur if number > held.number else total_ueur > held.total_ueur
