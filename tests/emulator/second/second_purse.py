"""Credit once more, read from the design (§4.3): exact integers, charged by the millisecond."""

from dataclasses import dataclass

from emulator.firmware.profile import Profile
from emulator.scenario.model import DebtSpec, DeferralSpec, TariffSpec
from protocols.instants import DAY_MS
from protocols.reasons import PaymentMode

# A watt for a millisecond at 1 µ€/kWh, and a millisecond of 1 µ€ a day, in thousandths of a quantum (§3).
_MQ_PER_WMS = 3
_MQ_PER_MS_A_DAY = 125
_MQ_PER_UEUR = 10_800_000 * 1_000
_MQ_PER_Q = 1_000
_VERSIONS_KEPT = 4


@dataclass
class SecondPurse:
    """The balance and the emergency credit. `used_up`: emptied, and to be repaid in full before it starts."""

    profile: Profile
    balance_q: int
    mode: PaymentMode

    def __post_init__(self) -> None:
        self.balance_mq = self.balance_q * _MQ_PER_Q
        self.size_mq = self.left_mq = self.profile.emergency_credit_q * _MQ_PER_Q
        self.in_use = False
        self.used_up = False
        self.tariff = TariffSpec(self.profile.price_ueur_per_kwh, self.profile.fixed_ueur_per_day)
        self.register = 0
        self.deferred = False
        self.deferrals: dict[str, DeferralSpec] = {}
        self.modes = {0: (0, self.mode)}
        self.in_force = 0
        self.terms: DebtSpec | None = None
        self.share_permille = 0
        self.period_began = self.taken_mq = 0
        self.debt_set_mq = self.recovered_mq = self.refunded_mq = 0
        self.on_registers: dict[str, list[int]] = {}

    def charge(self, drawn_w: int, ticks: int) -> None:
        """What `ticks` milliseconds cost; from the emergency credit while that is in use."""
        prices = self.tariff.registers[self.register - 1] if self.register else self.tariff
        energy_mq = drawn_w * prices.price_ueur_per_kwh * _MQ_PER_WMS
        spent_mq = ticks * (energy_mq + prices.fixed_ueur_per_day * _MQ_PER_MS_A_DAY)
        words = ["deferred"] if self.deferred else []
        if self.deferred:
            spent_mq = 0
        if self.register:
            words.append(self.tariff.registers[self.register - 1].obis)
        if words:
            sums = self.on_registers.setdefault(" ".join(words), [0, 0])
            sums[0], sums[1] = sums[0] + drawn_w * ticks, sums[1] + spent_mq
        if self.in_use:
            lent_mq = min(spent_mq, self.left_mq)
            self.left_mq -= lent_mq
            spent_mq -= lent_mq
        self.balance_mq -= spent_mq

    def look(self, estimate_ms: int) -> None:
        """The register of the last switch at or before the estimate; before the first one none.

        And whether a deferral is in force.
        """
        self.deferred = any(each.from_ms <= estimate_ms < each.until_ms for each in self.deferrals.values())
        past = [each.register for each in self.tariff.switches if each.at_ms <= estimate_ms]
        self.register = past[-1] if past else 0

    def pay(self, amount_ueur: int, tick: int) -> None:
        """A payment repays the emergency credit first; of the rest a share goes to the debt."""
        amount_mq = amount_ueur * _MQ_PER_UEUR
        repaid_mq = min(amount_mq, self.size_mq - self.left_mq)
        self.left_mq += repaid_mq
        share_mq = self._share_mq(amount_mq - repaid_mq, tick)
        self.recovered_mq += share_mq
        self.balance_mq += amount_mq - repaid_mq - share_mq
        if self.left_mq == self.size_mq:
            self.used_up = False
            self.in_use = self.in_use and self.balance_mq <= 0

    def in_quanta(self) -> dict[str, object]:
        """What it holds and owes: a part of a quantum is charged when the whole one is spent."""
        held_mq = self.balance_mq + self.left_mq - self.size_mq
        registers = {name: tuple(sums) for name, sums in self.on_registers.items() if any(sums)}
        return {
            "held_q": -(-held_mq // _MQ_PER_Q),
            "registers": registers,
            "mode": self.mode,
            "debt_q": (self.debt_set_mq - self.recovered_mq) // _MQ_PER_Q,
            "refunded_q": self.refunded_mq // _MQ_PER_Q,
        }

    def store_mode(self, version: int, from_ms: int, mode: PaymentMode | None, back_to: int | None) -> None:
        """A version of the parameters. One that goes back to a version not held is refused."""
        if back_to is not None and back_to not in self.modes:
            return
        made = self.modes[0][1] if mode is None else mode
        self.modes[version] = from_ms, made if back_to is None else self.modes[back_to][1]
        while len(self.modes) > _VERSIONS_KEPT:
            del self.modes[min(each for each in self.modes if each not in (0, self.in_force, version))]

    def look_at_modes(self, low_ms: int) -> bool:
        """The highest version whose date has surely come; True where the mode came into force just now."""
        come = [
            each for each, (from_ms, _) in self.modes.items() if each > self.in_force and from_ms <= low_ms
        ]
        if come:
            self.in_force = max(come)
            self.mode = self.modes[self.in_force][1]
        return bool(come)

    def set_debt(self, terms: DebtSpec, tick: int) -> None:
        """A debt and its terms; a period begins. What was recovered beyond it goes to the balance."""
        self.terms, self.period_began, self.taken_mq = terms, tick, 0
        usual = 10 * self.profile.debt_share_percent
        self.share_permille = usual if terms.share_permille is None else terms.share_permille
        self.debt_set_mq = terms.total_ueur * _MQ_PER_UEUR
        self.balance_mq += max(self.recovered_mq - self.debt_set_mq, 0)
        self.recovered_mq = min(self.recovered_mq, self.debt_set_mq)

    def refund(self, total_ueur: int) -> None:
        """What the total adds is taken from the balance, if that holds it."""
        more_mq = total_ueur * _MQ_PER_UEUR - self.refunded_mq
        if 0 < more_mq <= self.balance_mq:
            self.refunded_mq += more_mq
            self.balance_mq -= more_mq

    def _share_mq(self, rest_mq: int, tick: int) -> int:
        terms, owed_mq = self.terms, self.debt_set_mq - self.recovered_mq
        if terms is None or owed_mq == 0:
            return 0
        while tick >= self.period_began + terms.period_days * DAY_MS:
            self.period_began += terms.period_days * DAY_MS
            self.taken_mq = 0
        caps_mq = (
            terms.payment_cap_ueur * _MQ_PER_UEUR,
            terms.period_cap_ueur * _MQ_PER_UEUR - self.taken_mq,
            owed_mq,
        )
        share_mq = min(rest_mq * self.share_permille // 1_000 // _MQ_PER_Q * _MQ_PER_Q, *caps_mq)
        self.taken_mq += share_mq
        return share_mq

    def has_something(self) -> bool:
        on_credit = self.mode is PaymentMode.CREDIT
        return on_credit or self.balance_mq > 0 or (self.in_use and self.left_mq > 0)

    def can_start(self) -> bool:
        if self.mode is PaymentMode.CREDIT:
            return False
        return self.balance_mq <= 0 and self.size_mq > 0 and not self.in_use and not self.used_up

    def close_where_empty(self) -> None:
        if self.in_use and self.left_mq == 0:
            self.in_use, self.used_up = False, True
