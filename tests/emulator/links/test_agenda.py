"""Who is due next: the heap against a plain dictionary."""

from hypothesis import given
from hypothesis import strategies as st

from emulator.links.agenda import Agenda
from protocols.instants import UtcMs

PUTS = st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 20)), max_size=40)


@given(PUTS, st.integers(0, 25))
def test_everybody_comes_out_once_at_the_last_instant_put_in_order_of_time(
    puts: list[tuple[str, int]], until_ms: int
) -> None:
    agenda: Agenda[str] = Agenda()
    last: dict[str, int] = {}
    for key, due_ms in puts:
        agenda.put(key, UtcMs(due_ms))
        last[key] = due_ms
        assert agenda.next_due_ms() == min(last.values())
    popped = []
    while (due := agenda.pop_due(UtcMs(until_ms))) is not None:
        popped.append(due)
    assert sorted(popped) == sorted((due_ms, key) for key, due_ms in last.items() if due_ms <= until_ms)
    assert [due_ms for due_ms, _ in popped] == sorted(due_ms for due_ms, _ in popped)
    left = [due_ms for due_ms in last.values() if due_ms > until_ms]
    assert agenda.next_due_ms() == min(left, default=None)


@given(PUTS)
def test_at_one_instant_the_first_put_is_the_first_out(puts: list[tuple[str, int]]) -> None:
    agenda: Agenda[str] = Agenda()
    keys = list(dict.fromkeys(key for key, _ in puts))
    for key in keys:
        agenda.put(key, UtcMs(7))
    assert [agenda.pop_due(UtcMs(7)) for _ in keys] == [(7, key) for key in keys]
