"""How far a store is behind a mark: never told too small, and at most twice as far."""

from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from controller.restores.rules import LOST_MAX, Loss, loss_of
from protocols.link.marks import EARLIER_BACK, EntryNamed, StoreMark

ENTRIES = st.integers(1, 5_000)


def hash_of(number: int, branch: str) -> str:
    return f"{number:032x}{branch.encode().hex():>32}".replace(" ", "0")


def history(shared: int, entries: int, branch: str) -> dict[int, str]:
    """The hashes of an audit whose first entries are those of every branch."""
    return {number: hash_of(number, "" if number <= shared else branch) for number in range(1, entries + 1)}


def mark_on(held: dict[int, str]) -> StoreMark:
    last = max(held)
    earlier = tuple(EntryNamed(last - back, held[last - back]) for back in EARLIER_BACK if back < last)
    return StoreMark(last=EntryNamed(last, held[last]), root=1, earlier=earlier)


@given(backup=st.integers(0, 5_000), lost=ENTRIES, since=st.integers(0, 5_000))
@example(backup=0, lost=1, since=0)
@example(backup=100, lost=20, since=50)
def test_a_restored_store_learns_at_least_what_it_lost(backup: int, lost: int, since: int) -> None:
    mark = mark_on(history(backup, backup + lost, "lost"))
    found = loss_of(mark, history(backup, backup + since, "restored"))
    assert found is not None
    assert found.after <= backup
    assert found.after + found.entries == mark.last.number
    assert lost <= found.entries <= max(2 * lost, 1)


@given(marked=ENTRIES, since=st.integers(0, 5_000))
def test_a_store_that_has_counted_on_has_lost_nothing(marked: int, since: int) -> None:
    mark = mark_on(history(marked, marked, "own"))
    assert loss_of(mark, history(marked, marked + since, "own")) is None


@given(known=st.integers(0, 500), lift=st.integers(0, 500), more=st.integers(0, 500), lost=ENTRIES)
def test_what_the_store_of_the_mark_had_lost_itself_is_lost_here_too(
    known: int, lift: int, more: int, lost: int
) -> None:
    mark = replace(mark_on(history(1_000, 1_000 + lost, "lost")), lifted=known + lift + more)
    held = history(1_000, 1_000, "restored")
    plain = loss_of(mark_on(history(1_000, 1_000 + lost, "lost")), held)
    # One loss was recorded before the two stores parted, one after that.
    found = loss_of(mark, held, {1: known, 1_000 + lost: 77})
    assert plain is not None
    assert found == Loss(
        after=plain.after, entries=plain.entries + lift + more + (0 if plain.after else known)
    )


def test_a_mark_of_a_stolen_key_is_believed_up_to_a_bound() -> None:
    mark = StoreMark(last=EntryNamed(2**53 - 1, hash_of(7, "forged")), root=1)
    assert loss_of(mark, {}) == Loss(after=0, entries=LOST_MAX)
    lifting = StoreMark(last=EntryNamed(9, hash_of(7, "forged")), root=1, lifted=2**53 - 1)
    assert loss_of(lifting, {}) == Loss(after=0, entries=LOST_MAX)
