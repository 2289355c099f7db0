"""Who comes to the readers is told: each card in and out, once, and a service that dies and comes back."""

import queue
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardreader.card.card import SmartCard
from cardreader.readers.pcsc_codes import Code
from cardreader.readers.reader_events import (
    CardCame,
    CardWent,
    ReaderEvent,
    ReadersBack,
    ReadersLost,
    happened,
)
from cardreader.readers.reader_states import ReaderState
from cardreader.readers.virtual import VirtualCard
from cardreader.readers.watching import Watcher
from protocols.errors import InputError
from tests.cardreader.one_card import issued
from tests.cardreader.readers.acted_scard import EVENT, ActedScard

EMPTY, CARD, MUTE, IN_USE = 0x10, 0x20, 0x220, 0x1A0
LOOKS = st.dictionaries(
    st.sampled_from("ABC"),
    st.builds(
        lambda flags, events, atr: ReaderState("", flags + events * EVENT, atr),
        st.sampled_from((EMPTY, CARD, MUTE, IN_USE)),
        st.integers(0, 3),
        st.sampled_from((b"\x3b", b"\x3f")),
    ),
).map(lambda look: {name: ReaderState(name, each.flags, each.atr) for name, each in look.items()})


@given(looks=st.lists(LOOKS, max_size=8))
def test_whoever_follows_the_events_knows_what_is_in_the_readers(looks: list[dict[str, ReaderState]]) -> None:
    known = dict[str, bool]()
    before = dict[str, ReaderState]()
    for now in looks:
        for event in happened(before, now):
            match event:
                case CardWent():
                    del known[event.reader]
                case CardCame():
                    assert event.reader not in known
                    known[event.reader] = event.is_mute
                case _:
                    raise AssertionError(event)
        assert known == {name: each.is_mute for name, each in now.items() if each.has_card}
        assert happened(now, now) == []
        before = now


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (EMPTY, CARD, [CardCame("A")]),
        (CARD, EMPTY, [CardWent("A")]),
        (CARD, IN_USE, []),  # a program reads it: it is the same card
        (CARD, CARD + 2 * EVENT, [CardWent("A"), CardCame("A")]),  # swapped between two looks
        (EMPTY, MUTE, [CardCame("A", is_mute=True)]),
        (MUTE, CARD, [CardWent("A"), CardCame("A")]),
        (CARD, None, [CardWent("A")]),
    ],
)
def test_what_is_told(before: int, now: int | None, told: list[ReaderEvent]) -> None:
    then = {} if now is None else {"A": ReaderState("A", now)}
    assert happened({"A": ReaderState("A", before)}, then) == told


class Heard:
    """The events, as they come from the watcher's thread."""

    def __init__(self) -> None:
        self._events = queue.Queue[ReaderEvent]()
        self.take = self._events.put

    def expect(self, events: Iterable[ReaderEvent]) -> None:
        assert [self._events.get(timeout=30) for _ in events] == list(events)

    def expect_loss(self) -> None:
        """The service is lost; with which code depends on the instant at which it ended."""
        lost = self._events.get(timeout=30)
        assert isinstance(lost, ReadersLost)
        assert "PC/SC service" in lost.why

    def assert_nothing_more(self) -> None:
        assert self._events.empty()


def test_a_service_that_fails_is_told_once_and_asked_at_growing_intervals() -> None:
    scard, heard = ActedScard(Kiosk=SmartCard(issued())), Heard()
    pauses = list[float]()
    watcher = Watcher("any", heard.take, scard=scard)

    def pause(seconds: float) -> bool:
        """The service dies at the first pause of a look, and is back at the ninth of those after it."""
        pauses.append(seconds)
        scard.fails = {} if len(pauses) == 9 else {"establish": Code.NO_SERVICE, "status": Code.NO_SERVICE}
        if len(pauses) == 9:
            scard.cards["Kiosk"] = SmartCard(issued())
            scard.pause_in_wait = watcher._stopped.set
        return False

    scard.pause_in_wait = lambda: scard.fails.update(status=Code.NO_SERVICE)
    watcher._stopped.wait = pause  # type: ignore[method-assign, assignment] # no time passes here
    with watcher:
        watcher._thread.join(30)
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0, 2.0]
    why = "card readers: the PC/SC service does not answer: start pcscd, then try again (PC/SC 8010001D)"
    heard.expect([CardCame("Kiosk"), CardWent("Kiosk"), ReadersLost(why), ReadersBack(), CardCame("Kiosk")])
    heard.assert_nothing_more()
    assert scard.open == 0


def test_a_card_in_a_file_comes_and_goes_with_its_file(tmp_path: Path) -> None:
    path, heard = tmp_path / "card.bin", Heard()
    with Watcher(f"virtual:{path}", heard.take):
        VirtualCard.create(path, issued())
        heard.expect([CardCame(f"virtual:{path}")])
        path.rename(tmp_path / "pocket.bin")
        heard.expect([CardWent(f"virtual:{path}")])
    heard.assert_nothing_more()


def test_a_wrong_name_is_said_before_anything_is_watched() -> None:
    with pytest.raises(InputError, match=r"--reader: .*; allowed: virtual:FILE"):
        Watcher("virtual:", Heard().take)
