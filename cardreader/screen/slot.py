"""The card in front of the screen: looked for again and again, read once, and shown until it is taken out.

A thread looks; pages show what it saw last. An act takes the slot for itself meanwhile (`taken`), so that no
two of us speak to a card. After it the card is read again: what is shown is what lies on it.
"""

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from cardreader.channel.scp03 import CHALLENGE_BYTES
from cardreader.explaining.explanation import CardKind, Explanation
from cardreader.explaining.rules import explain, explain_unserved
from cardreader.host.secure import KeysNotHeldError, NotOurCardError
from cardreader.iso7816.apdu import CardGoneError
from cardreader.issuing.personalising import letters_held
from cardreader.kiosk.desk import (
    CardAtDesk,
    Kiosk,
    is_paired,
    look_at,
    receive_card,
    take_in_card,
)
from cardreader.kiosk.replaced import SupersededCardError
from cardreader.kiosk.rules import Moment
from cardreader.kiosk.stating import bring
from cardreader.loading.contents import CardContents, read_contents
from cardreader.readers.inserted import InsertedCard
from cardreader.readers.opening import open_card
from cardreader.screen.presence import cards_present
from cardreader.screen.troubles import TroubleError, trouble_of
from protocols.errors import InputError, RelanceError, UnreachableError
from protocols.languages.kiosk_troubles import KioskTrouble
from protocols.rim.terminal import complain

# How often a reader is asked. A household notices no third of a second.
LOOK_S: Final = 0.3


@dataclass(frozen=True, slots=True)
class SlotView:
    """What the slot shows. `version` rises with every change, so that a page knows whether it is old.

    No card: all others are None. `reader` is where the card is.
    """

    version: int = 0
    reader: str | None = None
    contents: CardContents | None = None
    serial: str = ""
    explanation: Explanation | None = None
    trouble: KioskTrouble | None = None


class WatchedSlot:
    """The readers of this kiosk as one slot."""

    def __init__(
        self, readers: tuple[str, ...], kiosk_now: Callable[[], Kiosk], moment: Callable[[], Moment]
    ) -> None:
        """`readers`: as `--reader` names them."""
        self._readers = readers
        self._kiosk_now = kiosk_now
        self._moment = moment
        self._lock = threading.RLock()
        self._seen: tuple[tuple[str, tuple[int, ...]], ...] | None = None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self.view = SlotView()

    def start(self) -> None:
        """Looks from now on, in a thread of its own."""
        self._thread = threading.Thread(target=self._look_on, name="card-slot", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Looks no more."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def look(self) -> SlotView:
        """Looks once; a card that is there already is not read again."""
        with self._lock:
            try:
                found = self._present()
                if found != self._seen:
                    self._seen = found
                    self._show(self._read([reader for reader, _key in found]))
            except UnreachableError:
                self._seen = None
                self._show(SlotView(trouble=KioskTrouble.READER_AWAY))
            return self.view

    @contextmanager
    def taken(self) -> Iterator[InsertedCard]:
        """The card, for an act. Raises TroubleError where none, or more than one, is there."""
        with self._lock:
            found = list(cards_present(self._readers))
            if len(found) != 1:
                raise TroubleError(KioskTrouble.TWO_CARDS if found else KioskTrouble.NO_CARD)
            try:
                with open_card(found[0]) as card:
                    yield card
            finally:
                self._seen = None
                self.look()

    def receive(self, card: InsertedCard) -> CardAtDesk:
        """The card, opened and read; what it brings is kept. Raises as `receive_card`."""
        kiosk = self._kiosk_now()
        now_ms = kiosk.now_ms(self._moment().wall_ms)
        return receive_card(kiosk, card, secrets.token_bytes(CHALLENGE_BYTES), now_ms)

    def _look_on(self) -> None:
        while not self._ended.wait(LOOK_S):
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 # the next card is looked for, whatever this one was
                complain(f"screen: the reader: {type(error).__name__}: {error}")
                self._show(SlotView(trouble=KioskTrouble.UNEXPECTED))

    def _present(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        return tuple(sorted(cards_present(self._readers).items()))

    def _show(self, view: SlotView) -> None:
        """What has not changed keeps its version, so that no page is told of it again."""
        if replace(view, version=self.view.version) != self.view:
            self.view = replace(view, version=self.view.version + 1)

    def _read(self, found: list[str]) -> SlotView:
        if not found:
            return SlotView()
        if len(found) > 1:
            return SlotView(trouble=KioskTrouble.TWO_CARDS)
        reader = found[0]
        try:
            with open_card(reader) as card:
                try:
                    return self._read_card(card, reader)
                finally:
                    # A card counts every attempt to open it, so it is another file now; and one whose keys
                    # are not ours locks itself after ten attempts. It is read once.
                    self._seen = self._present()
        except InputError:
            return SlotView(reader=reader, explanation=explain_unserved(CardKind.FOREIGN))
        except CardGoneError:
            return SlotView(trouble=KioskTrouble.CARD_PULLED)
        except UnreachableError:
            self._seen = None  # another program has it, and will give it back
            return SlotView(reader=reader, trouble=KioskTrouble.READER_BUSY)

    def _read_card(self, card: InsertedCard, reader: str) -> SlotView:
        kiosk = self._kiosk_now()
        now_ms = kiosk.now_ms(self._moment().wall_ms)
        try:
            looked = look_at(kiosk, card, secrets.token_bytes(CHALLENGE_BYTES), now_ms)
            session, found, _chain = looked
            if not is_paired(found):
                return SlotView(reader=reader, contents=found, explanation=explain(found))
            try:
                at_desk = take_in_card(kiosk, looked, now_ms)
            except SupersededCardError as error:
                return SlotView(
                    reader=reader, contents=found, explanation=explain(found, epoch_known=error.latest)
                )
            if not kiosk.home.practice and bring(kiosk, at_desk, now_ms).written:
                found = read_contents(session, kiosk.memory)
        except NotOurCardError:
            return SlotView(reader=reader, explanation=explain_unserved(CardKind.FOREIGN))
        except CardGoneError:
            return SlotView(trouble=KioskTrouble.CARD_PULLED)
        except RelanceError as error:
            if isinstance(error, KeysNotHeldError) and letters_held(card) == 0:
                # As it came from the factory: no kiosk has keys of it yet.
                return SlotView(reader=reader, explanation=explain_unserved(CardKind.VIRGIN))
            return SlotView(reader=reader, trouble=trouble_of(error))
        return SlotView(reader=reader, contents=found, serial=at_desk.serial, explanation=explain(found))
