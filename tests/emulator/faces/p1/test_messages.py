"""What a household reads on its customer port: a warning, and an amount only where it has agreed."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.faces.p1.messages import message_of
from emulator.faces.view import FaceView
from emulator.firmware.credit import Emergency
from protocols.reasons import PaymentMode, Supply, SupplyReason
from protocols.units import QUANTA_PER_UEUR, quanta_from_eur
from tests.emulator.faces.views import view, with_supply


def with_purse(
    shown: FaceView, balance_eur: str, emergency: Emergency = Emergency.READY, left_eur: str = "10.00"
) -> FaceView:
    purse = replace(
        shown.readout.purse,
        balance_q=quanta_from_eur(balance_eur),
        emergency=emergency,
        emergency_left_q=quanta_from_eur(left_eur),
    )
    return replace(shown, readout=replace(shown.readout, purse=purse))


# It calls credit low at 5 €.
RICH = view(profile="flanders-digital")
POOR = with_purse(RICH, "4.99")
TABLE = [
    (RICH, "", ""),
    (POOR, "Credit is low", "Credit is low: 4.99 EUR"),
    (with_purse(RICH, "-1.00"), "Credit is low", "Credit is low: -1.00 EUR"),
    (
        with_purse(RICH, "0.00", Emergency.IN_USE, "7.50"),
        "Emergency credit in use",
        "Emergency credit in use: 7.50 EUR",
    ),
    (
        with_supply(POOR, Supply.OFF, SupplyReason.CREDIT),
        "Credit used up: supply is off",
        "Credit used up: supply is off: 4.99 EUR",
    ),
    (with_supply(POOR, Supply.OFF, SupplyReason.SAFETY), "", ""),
    (with_supply(POOR, Supply.LIMITED), "Supply is limited", "Supply is limited: 4.99 EUR"),
    (
        with_supply(RICH, Supply.ARMED),
        "Supply is ready: press the button",
        "Supply is ready: press the button: 20.00 EUR",
    ),
]


@pytest.mark.parametrize(("shown", "text", "text_with_amount"), TABLE)
def test_what_is_most_urgent_is_said(shown: FaceView, text: str, text_with_amount: str) -> None:
    assert message_of(shown, with_amounts=False) == text
    assert message_of(shown, with_amounts=True) == text_with_amount


@given(
    st.integers(-(10**9), 10**9),
    st.sampled_from(list(Supply)),
    st.sampled_from(list(SupplyReason)),
    st.sampled_from(list(Emergency)),
    st.booleans(),
)
def test_without_consent_no_digit_is_ever_said(
    balance_ueur: int, supply: Supply, reason: SupplyReason, emergency: Emergency, is_warned: bool
) -> None:
    shown = with_supply(RICH, supply, reason)
    purse = replace(shown.readout.purse, balance_q=balance_ueur * QUANTA_PER_UEUR, emergency=emergency)
    shown = replace(shown, readout=replace(shown.readout, purse=purse, is_warned=is_warned))
    assert not any(letter.isdigit() for letter in message_of(shown, with_amounts=False))


def test_who_pays_afterwards_is_not_warned() -> None:
    settled = replace(POOR.readout.purse.settled, mode=PaymentMode.CREDIT)
    purse = replace(POOR.readout.purse, settled=settled)
    assert message_of(replace(POOR, readout=replace(POOR.readout, purse=purse)), with_amounts=True) == ""
