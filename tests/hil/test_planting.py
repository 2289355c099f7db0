"""A planted line: it counts until the end of its block, and one that changes nothing is a mistake."""

import pytest

from emulator.firmware import credit, service_point
from emulator.firmware.credit import Credit
from tests.hil.planting import planted
from tools.mutants import Change

FILE = "emulator/firmware/credit.py"
EMPTY = Credit(-1, 0, 0, 0, 0)


def test_a_changed_function_is_another_one_for_all_who_call_it_and_the_old_one_afterwards() -> None:
    change = Change(FILE, "if credit.balance_q > 0 or credit.mode is _ON_CREDIT:", "if credit.balance_q:")
    assert credit.has_nothing_left(EMPTY)
    with planted(change):
        assert not credit.has_nothing_left(EMPTY)
    assert credit.has_nothing_left(EMPTY)


def test_a_changed_constant_is_another_one_and_the_old_one_afterwards() -> None:
    with planted(
        Change("emulator/firmware/service_point.py", "LEAK_FLOW_W_MAX = 130", "LEAK_FLOW_W_MAX = 9")
    ):
        assert service_point.LEAK_FLOW_W_MAX == 9
    assert service_point.LEAK_FLOW_W_MAX == 130


def test_a_change_of_words_alone_is_a_mistake() -> None:
    with (
        pytest.raises(AssertionError, match="a change of a function or a constant"),
        planted(Change(FILE, "# One object, as in a new purse.", "# One object.")),
    ):
        pass
