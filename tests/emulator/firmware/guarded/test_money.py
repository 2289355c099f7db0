"""Money under thieves: whatever comes in whatever order, the credit stays within what was paid and allowed.

The machine is one meter with one issuer. The service states what was paid; a thief of a person's key and one
of the issuer's key state what they like; everything that was ever signed comes again at any time. Two people
begin a new epoch; the service then states in it what the old ones never credited, as the meter's totals say.
"""

from fractions import Fraction

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from emulator.firmware.events import TicksLost
from emulator.firmware.guarded.image import decode_image
from protocols.instants import DAY_MS, HOUR_MS, SECOND_MS
from protocols.units import QUANTA_PER_UEUR
from tests.emulator.firmware.guarded.workbench import Workbench, issuers_of

E = 1_000_000
DAY_UEUR = 86_400_000
AMOUNTS_UEUR = st.sampled_from([1, 999, 1_000, 30 * E, 86_400_000, 86_400_001, 200 * E])
WAITS_MS = st.sampled_from([1, 999, 1_000, 60_500, HOUR_MS, 7 * HOUR_MS + 1, DAY_MS])

# (total, epoch, owners of the keys)
Signed = tuple[int, int, tuple[str, ...]]


class ThievesAndAService(RuleBasedStateMachine):
    """The model: what was paid, what the epochs may have credited at most, and all that was ever signed."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Workbench(issuers=issuers_of(controller=("service1", 1, DAY_UEUR)), load_w=0)
        self.epoch = 1
        self.paid_ueur = 0
        self.closed_ueur: dict[int, int] = {}
        self.budget_ueur: dict[int, Fraction] = {1: Fraction(DAY_UEUR)}
        self.stated_ueur: dict[int, int] = {1: 0}
        self.vouched_ueur: dict[int, int] = {}
        self.signed: list[Signed] = []
        self.is_robbed = False
        self.stolen_ueur = 0

    # -- what the world does ----------------------------------------------------------------------

    @rule(amount_ueur=AMOUNTS_UEUR, by_two=st.sampled_from([False, False, True]))
    def a_household_pays(self, amount_ueur: int, by_two: bool) -> None:
        self.paid_ueur += amount_ueur
        self.stated_ueur[self.epoch] += amount_ueur
        people = ("dora", "eric") if by_two else ()
        if by_two:
            self.vouched_ueur[self.epoch] = self.stated_ueur[self.epoch]
        self._sends((self.stated_ueur[self.epoch], self.epoch, (self._owner, *people)))

    @rule(total_ueur=AMOUNTS_UEUR, epoch=st.integers(0, 3))
    def a_thief_of_a_persons_key_states(self, total_ueur: int, epoch: int) -> None:
        self._sends((total_ueur, epoch, ("anna", "bert")))

    @rule(more_ueur=AMOUNTS_UEUR | st.just(10**12 - 10**9), epoch=st.integers(0, 3))
    def a_thief_of_the_issuers_key_states(self, more_ueur: int, epoch: int) -> None:
        self.is_robbed = True
        self._sends((self._held_ueur + more_ueur, epoch, (self._owner,)))

    @rule(place=st.integers(0, 60))
    def something_old_comes_again(self, place: int) -> None:
        if self.signed:
            self._delivers(self.signed[place % len(self.signed)])

    @rule(wait_ms=WAITS_MS)
    def time_passes(self, wait_ms: int) -> None:
        self.bench.wait(wait_ms)
        self.budget_ueur[self.epoch] += Fraction(wait_ms * DAY_UEUR, DAY_MS)

    @rule()
    def the_meter_loses_its_ticks(self) -> None:
        self.bench.meter.memory = decode_image(self.bench.meter.image())
        self.bench.meter.point.credit = self.bench.meter.memory.credit
        self.bench.do(TicksLost())
        self.budget_ueur[self.epoch] += DAY_UEUR

    @rule()
    def two_people_begin_a_new_epoch(self) -> None:
        if self.epoch == 3:
            return
        self.closed_ueur[self.epoch] = self._held_ueur
        self.epoch += 1
        named = issuers_of(self.epoch, controller=(self._owner, self.epoch, DAY_UEUR))
        assert self.bench.name_issuers(named).reason == "stored"
        self.budget_ueur[self.epoch] = Fraction(DAY_UEUR)
        # What the closed epochs credited too much was stolen: it is no part of what anybody paid.
        owed_ueur = self.paid_ueur + self.stolen_ueur - sum(self.closed_ueur.values())
        self.stolen_ueur += max(-owed_ueur, 0)
        self.stated_ueur[self.epoch] = max(owed_ueur, 0)
        self.is_robbed = False
        if self.stated_ueur[self.epoch]:
            self._sends((self.stated_ueur[self.epoch], self.epoch, (self._owner,)))

    @rule(share=st.fractions(0, 1))
    def an_honest_statement_is_credited_when_the_allowance_covers_it(self, share: Fraction) -> None:
        """By the meter alone where no thief had the key; else the service sends it once more."""
        stated = self.stated_ueur[self.epoch], self.epoch, (self._owner,)
        missing_ueur = max(stated[0] - self._held_ueur, 0)
        covered_ms = -(-missing_ueur * DAY_MS // DAY_UEUR)
        self._delivers(stated)
        another_waits = any(each != stated[0] for each in self._waiting_ueur())
        waited_ms = int(share * covered_ms)
        self.time_passes(waited_ms)
        self._delivers(stated)
        self.time_passes(covered_ms - waited_ms + SECOND_MS)
        if another_waits:
            self._delivers(stated)
        assert self._held_ueur >= stated[0]

    # -- what always holds ------------------------------------------------------------------------

    @invariant()
    def no_epoch_credits_more_than_its_allowance_and_what_two_people_vouched_for(self) -> None:
        vouched_ueur = self.vouched_ueur.get(self.epoch, 0)
        assert self._held_ueur <= self.budget_ueur[self.epoch] + vouched_ueur

    @invariant()
    def without_a_thief_no_more_is_credited_than_was_paid(self) -> None:
        if not self.is_robbed:
            assert self.bench.meter.totals.credited_ueur <= self.paid_ueur + self.stolen_ueur

    @invariant()
    def a_closed_epoch_credits_nothing_more(self) -> None:
        assert self.bench.meter.totals.credited_ueur == sum(self.closed_ueur.values()) + self._held_ueur

    @invariant()
    def the_purse_holds_what_the_statements_say(self) -> None:
        meter = self.bench.meter
        assert meter.memory.credit.credited_q == meter.totals.credited_ueur * QUANTA_PER_UEUR

    # -- inside -----------------------------------------------------------------------------------

    @property
    def _owner(self) -> str:
        return f"service{self.epoch}"

    @property
    def _held_ueur(self) -> int:
        held = self.bench.meter.totals.of("controller")
        assert held is not None
        assert held.epoch == self.epoch
        return held.total_ueur

    def _waiting_ueur(self) -> list[int]:
        return [each.total_ueur for each in self.bench.meter.memory.waiting.values()]

    def _sends(self, signed: Signed) -> None:
        self.signed.append(signed)
        self._delivers(signed)

    def _delivers(self, signed: Signed) -> None:
        total_ueur, epoch, owners = signed
        self.bench.state(total_ueur, *owners, epoch=epoch)


TestThievesAndAService = ThievesAndAService.TestCase
TestThievesAndAService.settings = settings(max_examples=60, stateful_step_count=30)
