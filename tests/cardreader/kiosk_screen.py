"""A screen with a virtual card, as the tests of its pages use it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from starlette.testclient import TestClient

from cardreader.card.factory import make_blank_card
from cardreader.card.store import WholeMemory
from cardreader.channel.keys import issuer_keys
from cardreader.issuing.kit import CardOrder, make_kit
from cardreader.issuing.personalising import personalise
from cardreader.issuing.practice import practice_key
from cardreader.kiosk.desk import Kiosk
from cardreader.kiosk.home import practice_home
from cardreader.kiosk.ports import Cash, SimulatedTerminal
from cardreader.kiosk.rules import Moment
from cardreader.kiosk.store import open_kiosk_store
from cardreader.readers.virtual import VirtualCard
from cardreader.screen.app import make_app
from cardreader.screen.sessions import Sessions
from cardreader.screen.settings import ScreenSettings
from cardreader.screen.slot import WatchedSlot
from protocols.cutting.zones import load_zone
from protocols.documents.till_receipts import PaymentMeans
from protocols.reasons import Energy, Language
from tests.cardreader.screen_forms import choice_of, fields, token_of

PORT = 8020
SEED = "practice"
NOW_MS = 1_593_720_060_000
SERIAL = bytes.fromhex("0a0b0c0d0e0f1011")


@dataclass
class Clock:
    """A monotonic clock that a test moves."""

    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s

    def moment(self) -> Moment:
        """The same by both clocks of the machine."""
        now_ms = int(self.now_s * 1000)
        return Moment(NOW_MS + now_ms, now_ms, 1)


@dataclass
class Counter:
    """The screen as a browser sees it, and the card in front of it."""

    browser: TestClient
    slot: WatchedSlot
    clock: Clock
    card: Path
    now: list[Kiosk]
    terminal: SimulatedTerminal
    settings: ScreenSettings
    # The page that asked once more last.
    choice: dict[str, str] = field(default_factory=dict)

    @property
    def kiosk(self) -> Kiosk:
        """The kiosk as its home says now."""
        return self.now[0]

    def get(self, path: str, status: int = 200) -> str:
        """A page."""
        answer = self.browser.get(path)
        assert answer.status_code == status, answer.text
        self.choice = choice_of(answer.text) or self.choice
        return str(answer.text)

    def post(self, path: str, page: str, more: dict[str, str] | None = None, status: int = 200) -> str:
        """Sends a form with the token of a page that was shown, and follows to the next page.

        It confirms what the page shows; where that asks nothing, the last page that did.
        """
        choice = choice_of(page) or self.choice if path.endswith("/confirm") else {}
        answer = self.browser.post(path, data={"token": token_of(page), **choice, **(more or {})})
        assert answer.status_code == status, answer.text
        self.choice = choice_of(answer.text) or self.choice
        return str(answer.text)

    def log_in(self, clerk: str = "anna", drawer: str = "") -> str:
        """The first page of a clerk."""
        page = self.get("/login")
        return self.post("/login", page, {**fields(page), "clerk": clerk, "drawer": drawer})

    def insert(self, meter: str = "m1", seed: str = SEED, energy: Energy = Energy.ELECTRICITY) -> str:
        """A new card lies in the reader; the page with it."""
        make_card(self.card, meter, seed, energy)
        self.slot.look()
        return self.get("/card")

    def pull(self) -> str:
        """The card is taken out; the page without it."""
        self.card.unlink()
        self.slot.look()
        return self.get("/card")


def make_card(
    path: Path,
    meter: str,
    seed: str = SEED,
    energy: Energy = Energy.ELECTRICITY,
    serial: bytes = SERIAL,
    epoch: int = 1,
) -> None:
    """A card of a household, issued with the keys of practice of this seed."""
    fleet, memory = practice_key(seed), WholeMemory()
    make_blank_card(memory, serial, issuer_keys(fleet, serial))
    VirtualCard.create(path, memory)
    kit = make_kit(fleet, CardOrder(serial, energy, meter, epoch, "5414000000042", 1), 0)
    with VirtualCard(path) as inserted:
        assert personalise(inserted, kit, b"12345678", "office", NOW_MS)


@contextmanager
def screen_of(card: Path) -> Iterator[Counter]:
    """The screen of practice, in English, with a slot that looks when it is told to."""
    clock, bank = Clock(), dict[str, int]()
    engine = open_kiosk_store(card.parent / "kiosk.db")
    kiosk = Kiosk(practice_home(SEED), engine, "kiosk")
    readers = (f"virtual:{card}",)
    now = [kiosk]
    slot = WatchedSlot(readers, lambda: now[0], clock.moment)
    terminal = SimulatedTerminal(bank)
    settings = ScreenSettings(
        lambda: now[0],
        readers,
        load_zone("Europe/Brussels"),
        PORT,
        clock.moment,
        {PaymentMeans.CASH: Cash(), PaymentMeans.TERMINAL: terminal},
        Language.ENGLISH,
        "078 00 00 00",
    )
    app = make_app(settings, slot, Sessions(Language.ENGLISH, clock))
    with TestClient(app, base_url=f"http://127.0.0.1:{PORT}") as browser:
        yield Counter(browser, slot, clock, card, now, terminal, settings)
    engine.dispose()
