"""What a payment does, and how much an issuer's key can credit: allowances, and what waits (design §4.3).

An issuer that the document names has an *allowance*: it begins with that of one day, grows with the ticks
without an end, and each credit takes its difference. A statement above it is stored and credited later, by
the meter itself, in the first second in which the allowance covers it. Where two people who may harm have
signed it too, it is credited at once, and takes nothing of the allowance. No date is asked anywhere.
"""

from typing import Final

from emulator.firmware.guarded.intake import Admitted
from emulator.firmware.guarded.memory import Allowance, Allowances, Memory
from emulator.firmware.guarded.sharing import NO_ENTRIES, shared, shared_table, without
from emulator.firmware.ticks import FIRST_TICK, NEVER, Tick
from protocols.documents.bodies import PaymentBody
from protocols.documents.issuers import Issuer, Issuers
from protocols.documents.orders import body_of
from protocols.documents.statements import Statement, Totals, apply_statement, open_epochs
from protocols.instants import DAY_MS
from protocols.limits import BALANCE_EUR_MAX, ISSUERS_PER_PERSON_MAX, STATEMENT_UEUR_MAX
from protocols.reasons import Did, Refusal
from protocols.units import QUANTA_PER_EUR, QUANTA_PER_UEUR

_BALANCE_Q_MAX: Final = BALANCE_EUR_MAX * QUANTA_PER_EUR


def pay(admitted: Admitted, memory: Memory, tick: Tick) -> Did | Refusal:
    """Credit a statement, or let it wait where it is above its issuer's allowance.

    Without an issuers document a person whose signatures made many issuers known makes no further one known.
    """
    body = body_of(admitted.order, PaymentBody)
    opened = sum(holder == admitted.holder for holder in memory.issuers_of.values())
    issuer = None if memory.issuers is None else memory.issuers.of(body.issuer)
    # The name of the issuers document: meters of one process hold it once.
    name = body.issuer if issuer is None else issuer.name
    stated = Statement(name, body.number, body.total_ueur, body.epoch)
    outcome = _applied(memory, stated, has_room=opened < ISSUERS_PER_PERSON_MAX)
    if isinstance(outcome, Refusal):
        return outcome
    totals, difference_ueur = outcome
    if issuer is None:
        if memory.totals.of(body.issuer) is None:
            memory.issuers_of = {**memory.issuers_of, body.issuer: admitted.holder}
    elif not admitted.countersigned:
        if difference_ueur > level_ueur(memory.allowances[issuer.name], issuer, tick):
            _let_wait(memory, stated)
            return Did.OVER_LIMIT
        _take(memory, issuer, difference_ueur, tick)
    _credit(memory, totals)
    return Did.CREDITED if difference_ueur else Did.REPEATED


def credit_waiting(memory: Memory, tick: Tick) -> int:
    """Credit every statement that waits and is covered now; returns the sum (`_ueur`).

    One that the purse has no room for is forgotten: when it is sent again the meter refuses it, and says so.
    """
    before_ueur = memory.totals.credited_ueur
    for name in sorted(memory.waiting):
        if _due_tick(memory, name) > tick:
            continue
        stated = memory.waiting[name]
        memory.waiting = without(memory.waiting, name)
        outcome = _applied(memory, stated)
        if not isinstance(outcome, Refusal):
            _take(memory, _issuer(memory, name), outcome[1], tick)
            _credit(memory, outcome[0])
    return memory.totals.credited_ueur - before_ueur


def due_tick(memory: Memory) -> Tick:
    """The next tick at which the allowance covers a statement that waits."""
    return min((_due_tick(memory, name) for name in memory.waiting), default=NEVER)


def take_issuers(memory: Memory, issuers: Issuers, tick: Tick) -> Refusal | None:
    """Put an accepted issuers document in force: close the epochs before it, open its own.

    The allowance of an issuer whose epoch is new begins anew. A statement that waits is kept only if the key
    that signed it still counts. A refusal changes nothing.
    """
    totals = open_epochs(memory.totals, {each.name: each.epoch for each in issuers.issuers})
    if isinstance(totals, Refusal):
        return totals
    waits = {}
    allowances = {}
    for new in issuers.issuers:
        old = None if memory.issuers is None else memory.issuers.of(new.name)
        goes_on = old is not None and old.epoch == new.epoch
        allowances[new.name] = _one_day(new, tick)
        if goes_on and old is not None:
            allowances[new.name] = Allowance(level_ueur(memory.allowances[new.name], old, tick), tick)
            if old.public == new.public and new.name in memory.waiting:
                waits[new.name] = memory.waiting[new.name]
    memory.issuers, memory.totals = shared(issuers), totals
    memory.allowances, memory.waiting = Allowances.pack(allowances), waits or NO_ENTRIES
    if tick == FIRST_TICK:
        # At its commissioning a meter holds what all others do; later few are alike.
        memory.totals, memory.allowances = shared(totals), shared_table(allowances)
    memory.issuers_of = NO_ENTRIES
    return None


def begin_allowances(memory: Memory, tick: Tick) -> None:
    """Ticks were lost, or are doubted: each issuer may spend what it may spend in one day."""
    if memory.issuers is not None:
        allowances = {each.name: _one_day(each, tick) for each in memory.issuers.issuers}
        memory.allowances = Allowances.pack(allowances)


def level_ueur(allowance: Allowance, issuer: Issuer, tick: Tick) -> int:
    """What the issuer may credit at a tick, rounded down. No single statement is above the upper bound."""
    grown_ueur = issuer.allowance_ueur_per_day * (tick - allowance.tick) // DAY_MS
    return min(allowance.level_ueur + grown_ueur, STATEMENT_UEUR_MAX)


def _applied(memory: Memory, stated: Statement, *, has_room: bool = True) -> tuple[Totals, int] | Refusal:
    """The totals with a statement and the difference, if the purse has room for it."""
    outcome = apply_statement(
        memory.totals,
        stated.issuer,
        stated.number,
        stated.total_ueur,
        epoch=stated.epoch,
        has_room=has_room,
    )
    if isinstance(outcome, Refusal):
        return outcome
    if memory.credit.balance_q + outcome[1] * QUANTA_PER_UEUR > _BALANCE_Q_MAX:
        return Refusal.OUT_OF_RANGE
    return outcome


def _credit(memory: Memory, totals: Totals) -> None:
    memory.totals = totals
    if memory.waiting:
        over = [name for name, each in memory.waiting.items() if each.total_ueur <= _held_ueur(totals, name)]
        memory.waiting = without(memory.waiting, *over)


def _let_wait(memory: Memory, stated: Statement) -> None:
    """Of two the one with the lower total waits: a great sum that a thief signs must not push it out."""
    known = memory.waiting.get(stated.issuer)
    if known is None or stated.total_ueur < known.total_ueur:
        memory.waiting = {**memory.waiting, stated.issuer: stated}


def _take(memory: Memory, issuer: Issuer, difference_ueur: int, tick: Tick) -> None:
    if difference_ueur:
        left_ueur = level_ueur(memory.allowances[issuer.name], issuer, tick) - difference_ueur
        memory.allowances = Allowances.pack({**memory.allowances, issuer.name: Allowance(left_ueur, tick)})


def _due_tick(memory: Memory, name: str) -> Tick:
    """The first tick at which the level covers what a waiting statement adds."""
    issuer, allowance = _issuer(memory, name), memory.allowances[name]
    missing_ueur = memory.waiting[name].total_ueur - _held_ueur(memory.totals, name) - allowance.level_ueur
    # The minus signs make `//` round up: a part of a tick counts as a whole one.
    return Tick(allowance.tick - (-max(missing_ueur, 0) * DAY_MS // issuer.allowance_ueur_per_day))


def _issuer(memory: Memory, name: str) -> Issuer:
    found = None if memory.issuers is None else memory.issuers.of(name)
    assert found is not None, "what waits is of an issuer in force"
    return found


def _held_ueur(totals: Totals, name: str) -> int:
    held = totals.of(name)
    return 0 if held is None else held.total_ueur


def _one_day(issuer: Issuer, tick: Tick) -> Allowance:
    return Allowance(issuer.allowance_ueur_per_day, tick)
