"""Payments as statements: the difference to the running total is credited, once (design §4.3).

Every payment belongs to one *issuer* (the controller, or one offline kiosk; see `issuers`). A *statement* is
`(issuer, epoch, running total)`; card, network and code carry the same statements. A meter keeps the highest
of each issuer and credits the difference: a statement that comes twice, late or by a second channel changes
nothing, and no list of payments is needed. Each epoch of an issuer counts from 0. Epoch 0 is that of a meter
without an issuers document. Money is in micro-euro (`_ueur`). Pure.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from protocols.documents.bodies import PaymentBody
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Order, body_of
from protocols.limits import ISSUERS_HELD_MAX, REV_MAX, STATEMENT_UEUR_MAX
from protocols.reasons import Refusal


class Statement(Struct, frozen=True, order=True, gc=False):
    """The running total of all payments of `issuer` to one meter in an epoch, after its `number`-th payment.

    `number` is for people and the ledger: it decides nothing.
    """

    issuer: str
    number: int
    total_ueur: int
    epoch: int = 0


def is_issued(order: Order) -> bool:
    """Whether an issuer's key carries this order: no person needs to have signed such a statement."""
    return order.kind is Kind.PAYMENT and body_of(order, PaymentBody).epoch > 0


class Totals(Struct, frozen=True, gc=False):
    """The highest statements that one meter holds, by issuer and epoch.

    Of an issuer it is one in its present epoch, and one in the epoch that was closed last. `closed_ueur`:
    what was credited in epochs of which no statement is held any more. `closed_epoch`: the highest epoch of
    a closed issuer that made room for another: an issuer that is not held counts in later ones alone.
    """

    held: tuple[Statement, ...] = ()
    closed_ueur: int = 0
    closed_epoch: int = 0

    def of(self, issuer: str) -> Statement | None:
        """The statement that is held of one issuer in its present epoch."""
        return next((each for each in reversed(self.held) if each.issuer == issuer), None)

    @property
    def credited_ueur(self) -> int:
        """The sum of all that was ever credited by statements."""
        return self.closed_ueur + sum(each.total_ueur for each in self.held)


NO_TOTALS: Final = Totals()


def apply_statement(
    totals: Totals, issuer: str, number: int, total_ueur: int, *, epoch: int = 0, has_room: bool = True
) -> tuple[Totals, int] | Refusal:
    """The totals with this statement, and the difference to credit (`_ueur`; 0 if it is already held).

    The higher total wins, whatever the numbers say: so a number can be used up by nobody. OUT_OF_RANGE if
    number or total is out of bounds; STALE_EPOCH for an epoch that is closed; UNKNOWN_ISSUER for one that is
    not opened yet (`open_epochs`). TOO_MANY for an issuer that is not known yet where there is no room for
    another. A refusal changes nothing.
    """
    if not (1 <= number <= REV_MAX and 0 <= total_ueur <= STATEMENT_UEUR_MAX):
        return Refusal.OUT_OF_RANGE
    held = totals.of(issuer)
    held_epoch = 0 if held is None else held.epoch
    if epoch != held_epoch:
        return Refusal.STALE_EPOCH if epoch < held_epoch else Refusal.UNKNOWN_ISSUER
    if held is None:
        if not has_room:
            return Refusal.TOO_MANY
        held = Statement(issuer, 0, 0)
    elif total_ueur <= held.total_ueur:
        return totals, 0
    others = [each for each in totals.held if each is not held]
    taken = Statement(issuer, number, total_ueur, epoch)
    return replace(totals, held=_sorted([*others, taken])), total_ueur - held.total_ueur


def open_epochs(totals: Totals, epochs: Mapping[str, int]) -> Totals | Refusal:
    """The totals when exactly these issuers may sign, each in its epoch: earlier epochs are closed for good.

    An issuer that is not named any more keeps its totals, so that they are never credited again under its
    name, and its place until another needs it; one that never credited anything is forgotten. STALE_REV for
    one that is not held, in an epoch in which it may have made room; TOO_MANY for more issuers than a meter
    remembers.
    """
    known = {each.issuer for each in totals.held}
    if any(epoch <= totals.closed_epoch for issuer, epoch in epochs.items() if issuer not in known):
        return Refusal.STALE_REV
    kept: list[Statement] = []
    closed_ueur = totals.closed_ueur
    for issuer in sorted({each.issuer for each in totals.held} | epochs.keys()):
        found = [each for each in totals.held if each.issuer == issuer]
        if issuer in epochs and (not found or found[-1].epoch < epochs[issuer]):
            found.append(Statement(issuer, 0, 0, epochs[issuer]))
        # Of more epochs than two the sum is enough.
        closed_ueur += sum(each.total_ueur for each in found[:-2])
        if issuer in epochs or len(found) > 1 or found[0].total_ueur:
            kept += found[-2:]
    return _within_room(Totals(_sorted(kept), closed_ueur, totals.closed_epoch), epochs)


def _within_room(totals: Totals, epochs: Mapping[str, int]) -> Totals | Refusal:
    """Where there are too many, issuers that nobody names make room, and their totals go into the sum.

    First those of epoch 0 alone, the lowest totals first: one person could make them known, and they cannot
    come back, since every document names epochs from 1 on. Then closed ones, the lowest epochs first: they
    can come back in a later epoch than any of them had.
    """
    surplus = len({each.issuer for each in totals.held}) - ISSUERS_HELD_MAX
    if surplus <= 0:
        return totals
    closed: dict[str, list[Statement]] = {}
    for each in totals.held:
        if each.issuer not in epochs:
            closed.setdefault(each.issuer, []).append(each)
    if len(closed) < surplus:
        return Refusal.TOO_MANY
    gone = sorted(closed.values(), key=_least_missed)[:surplus]
    names = {found[0].issuer for found in gone}
    return Totals(
        tuple(each for each in totals.held if each.issuer not in names),
        totals.closed_ueur + sum(each.total_ueur for found in gone for each in found),
        max(totals.closed_epoch, *(found[-1].epoch for found in gone)),
    )


def _least_missed(found: list[Statement]) -> tuple[int, int, str]:
    """The order in which closed issuers make room: by the epoch, in epoch 0 by the total, then by name."""
    last = found[-1]
    return last.epoch, 0 if last.epoch else last.total_ueur, last.issuer


def _sorted(held: Iterable[Statement]) -> tuple[Statement, ...]:
    return tuple(sorted(held, key=_by_issuer_and_epoch))


def _by_issuer_and_epoch(statement: Statement) -> tuple[str, int]:
    return statement.issuer, statement.epoch
