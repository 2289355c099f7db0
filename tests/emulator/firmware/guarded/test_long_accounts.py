"""Accounts of many years in an image: 64 bits hold 1,708 EUR in thousandths of a quantum."""

import msgspec
import pytest

from emulator.firmware.credit import Counted, Credit, account_of, opened, set_prices
from emulator.firmware.guarded.clock import set_at_commissioning
from emulator.firmware.guarded.image import decode_image, encode_image
from emulator.firmware.guarded.memory import Memory
from emulator.firmware.ticks import Tick
from protocols.instants import UtcMs
from protocols.units import QUANTA_PER_EUR

PRICE = 280_000
CLOCK = set_at_commissioning(UtcMs(0), 1, Tick(0), 50)


@pytest.mark.parametrize("eur", [1, 853, 855, 1_708, 4_000, 60_000])
def test_a_household_of_many_years_still_has_an_image(eur: int) -> None:
    charged_mq = eur * QUANTA_PER_EUR * 1_000
    credit = opened(Credit(0, PRICE, 0, 0, 0))
    for _ in range(2):
        credit.energy_mj += charged_mq // (3 * PRICE) + 1
        credit.settled_at = Tick(credit.settled_at + 1)
        set_prices(credit, PRICE, 125, register="1-0:1.8.1")
    read = decode_image(encode_image(Memory(CLOCK, credit)))
    assert account_of(read.credit) == account_of(credit)
    account = account_of(credit)
    assert int(account.consumed_mq) > 2 * charged_mq
    (counted,) = account.registers
    # What was charged before the register came into use is no part of it.
    assert int(counted.energy_mj) * 3 * PRICE + 125 * 125 == int(counted.charged_mq)


def test_an_image_of_before_has_no_wholes() -> None:
    memory = Memory(CLOCK, opened(Credit(0, PRICE, 0, 0, 0)))
    memory.credit.counted = {"1-0:1.8.1": Counted(7, 8)}
    version, said = msgspec.msgpack.decode(encode_image(memory))
    said["credit"]["counted"] = {"1-0:1.8.1": [7, 8]}
    for name in ("consumed_wholes", "fixed_wholes"):
        del said["credit"][name]
    read = decode_image(msgspec.msgpack.encode([version, said]))
    assert read.credit == memory.credit
