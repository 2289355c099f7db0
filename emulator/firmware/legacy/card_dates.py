"""The dates a card leaves in the meter: a programmed cut, and a suspension of the credit check.

Both are held as calendar registers and compared with the clock's, digit by digit, so that they mean
what the meter's calendar means by them. Each has one place: what a later card writes replaces it.

    programmed cut    none ──▶ pending ──▶ fired      the supply opens, once, at any hour of any day
                      pending ──▶ none                a second card pass cancels it, by its id
                      fired ──▶ none                  the recovery card, and nothing else

While a cut has fired the meter is blocked: neither money nor button nor ordinary card restarts it,
and each ordinary card is answered 8 (domain.md §1.1.1, §1.5). Suspended ("débloqué", domain.md §2)
the meter checks no credit; the programmed cut does not care.
"""

from dataclasses import dataclass

from emulator.firmware.legacy.registers import Registers


@dataclass(slots=True)
class CardDates:
    """`cut_at` with a pending cut only; `blocked` once one has fired."""

    cut_id: str = ""
    cut_at: Registers | None = None
    blocked: bool = False
    suspended_from: Registers | None = None
    suspended_until: Registers | None = None

    def program_cut(self, cut_id: str, cut_at: Registers) -> None:
        self.cut_id, self.cut_at = cut_id, cut_at

    def cancel_cut(self, cut_id: str) -> bool:
        """Cancel a pending cut; False where there is none of this id."""
        if self.cut_at is None or self.cut_id != cut_id:
            return False
        self.cut_id, self.cut_at = "", None
        return True

    def suspend(self, from_: Registers, until: Registers) -> None:
        """Suspend the credit check in `[from_, until)`; an empty interval ends a suspension."""
        self.suspended_from, self.suspended_until = from_, until

    def is_cut_due(self, clock: Registers) -> bool:
        return self.cut_at is not None and clock.wall >= self.cut_at.wall

    def fire_cut(self) -> str:
        """The pending cut fires. Its id."""
        fired, self.cut_id, self.cut_at, self.blocked = self.cut_id, "", None, True
        return fired

    def unblock(self) -> None:
        self.blocked = False

    def is_suspended(self, clock: Registers) -> bool:
        if self.suspended_from is None or self.suspended_until is None:
            return False
        return self.suspended_from.wall <= clock.wall < self.suspended_until.wall

    def seconds_of_day(self) -> set[int]:
        """Times of day at which one of these dates may be reached."""
        dates = (self.cut_at, self.suspended_from, self.suspended_until)
        return {date.second_of_day for date in dates if date is not None}
