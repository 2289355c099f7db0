"""Signals wait while a bench is made safe, and raise once where that is allowed."""

import signal
from threading import Thread

import pytest

from hil.interrupts import SIGNALS, InterruptGate


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_waits_behind_a_shut_gate_and_is_raised_at_its_end(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt), InterruptGate():  # noqa: PT012 # the order is what is asked
        signal.raise_signal(number)
        done.append("mains off")
    assert done == ["mains off"]
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_that_waits_is_raised_as_soon_as_the_gate_is_opened(number: signal.Signals) -> None:
    with InterruptGate() as gate:
        signal.raise_signal(number)
        with pytest.raises(KeyboardInterrupt), gate.opened():
            pytest.fail("the gate was opened for an interruption alone")


@pytest.mark.parametrize("number", SIGNALS)
def test_the_second_signal_hits_nothing_that_the_first_one_has_begun(number: signal.Signals) -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt), InterruptGate() as gate:  # noqa: PT012 # the order is what is asked
        try:
            with gate.opened():
                try:
                    signal.raise_signal(number)
                finally:
                    signal.raise_signal(number)
                    done.append("session closed")
        except KeyboardInterrupt:
            done.append("mains off")
    assert done == ["session closed", "mains off"]


def test_a_gate_in_a_gate_is_its_own_and_gives_back_what_it_took() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with InterruptGate() as outer, pytest.raises(KeyboardInterrupt), outer.opened():  # noqa: PT012 # as above
        with pytest.raises(KeyboardInterrupt), InterruptGate():
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with InterruptGate() as gate, gate.opened():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_in_a_thread_it_changes_no_handler() -> None:
    found: list[object] = []

    def run() -> None:
        with InterruptGate() as gate, gate.opened():
            found.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = Thread(target=run)
    thread.start()
    thread.join()
    assert found == [before]
