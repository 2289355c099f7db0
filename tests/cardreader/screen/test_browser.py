"""A clerk's walk through the screen in real Chromium, with a virtual card and an emulated meter."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.cardreader.chromium import (
    COUNTER,
    TABLET,
    barriers,
    chromium,
    keep,
    overflows,
    program,
    served,
)

LANGUAGES = {"fr": "Français", "nl": "Nederlands", "de": "Deutsch", "en": "English"}
STEP_ONE = {
    "fr": "L'étape 1 sur 3 manque",
    "nl": "Stap 1 van 3 ontbreekt",
    "de": "Schritt 1 von 3 fehlt",
    "en": "Step 1 of 3 is missing",
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    width, height = COUNTER
    context = browser.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    page.set_default_timeout(10_000)
    wrong = list[str]()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("response", lambda answer: wrong.append(answer.url) if _is_fault(answer.status) else None)
    page.on("console", lambda line: wrong.append(line.text) if _is_error(line) else None)
    yield page
    context.close()
    assert wrong == []


def _is_fault(status: int) -> bool:
    """409 and 422 are pages that say what was refused, or typed wrong."""
    return status >= 400 and status not in (409, 422)


def _is_error(line: ConsoleMessage) -> bool:
    return line.type == "error" and "status of 4" not in line.text


@contextmanager
def shown(page: Page, folder: Path, *options: str) -> Iterator[str]:
    """The address of a screen. The page is left before the screen ends, so that it misses nothing."""
    with served(folder, *options) as address:
        yield address
        page.goto("about:blank")


def looked_at(page: Page, name: str) -> None:
    """No barrier, nothing to scroll sideways, and a picture."""
    page.wait_for_load_state()
    assert barriers(page) == []
    assert not overflows(page)
    keep(page, name)


def log_in(page: Page, address: str) -> None:
    page.goto(address)
    page.locator("#clerk").fill("anna")
    page.locator("#clerk").press("Enter")


def issue(folder: Path, meter: str = "m1", *words: str) -> None:
    program("relance-kiosk", "issue", "--reader", "virtual:card.bin", "--meter", meter, *words, cwd=folder)


def test_a_card_is_explained_in_four_languages_as_soon_as_it_lies_there(page: Page, tmp_path: Path) -> None:
    with shown(page, tmp_path, "--language", "fr", "--phone", "078 78 78 00") as address:
        page.goto(address)
        assert barriers(page) == []
        keep(page, "login")
        log_in(page, address)
        expect(page.get_by_text("Introduisez la carte dans le lecteur.")).to_be_visible()
        assert barriers(page) == []
        keep(page, "empty")
        issue(tmp_path, "m1", "--reference", "5414000000042")
        expect(page.get_by_text(STEP_ONE["fr"])).to_be_visible()
        for language, name in LANGUAGES.items():
            page.get_by_role("button", name=name).click()
            expect(page.get_by_text(STEP_ONE[language])).to_be_visible()
            assert barriers(page) == []
            assert not overflows(page)
            keep(page, f"explained-{language}")
        (tmp_path / "card.bin").unlink()
        expect(page.get_by_text("Put the card into the reader.")).to_be_visible()


def test_a_link_of_another_page_leads_to_the_clerks_own_session(page: Page, tmp_path: Path) -> None:
    with shown(page, tmp_path, "--language", "en") as address:
        log_in(page, address)
        expect(page.get_by_text("Put the card into the reader.")).to_be_visible()
        other = page.context.new_page()
        # A page without an origin is another site.
        other.set_content(f'<a href="{address}/card">your kiosk</a><img src="{address}/static/screen.css">')
        other.get_by_text("your kiosk").click()
        for each in (other, page):
            expect(each.get_by_text("Put the card into the reader.")).to_be_visible()
            expect(each.get_by_text("anna")).to_be_visible()
        other.close()
        page.reload()
        expect(page.get_by_text("anna")).to_be_visible()


def test_pages_fit_a_tablet_and_text_of_twice_the_size(page: Page, tmp_path: Path) -> None:
    issue(tmp_path, "m1", "--energy", "gas")
    with shown(page, tmp_path, "--language", "de") as address:
        log_in(page, address)
        for name, (width, height), zoom in (
            ("tablet", TABLET, 1),
            ("large", COUNTER, 2),
            ("tablet-large", TABLET, 2),
        ):
            # Text of 200 % is what a browser shows at half the width in CSS pixels (WCAG 2.1, 1.4.4).
            page.set_viewport_size({"width": width // zoom, "height": height // zoom})
            for path in ("/card", "/card/home", "/login"):
                page.goto(f"{address}{path}")
                assert not overflows(page), f"{name} {path}"
                assert barriers(page) == []
                keep(page, f"{name}-{path.replace('/', '-').strip('-')}")


def test_the_keyboard_alone_is_enough_and_focus_is_seen(page: Page, tmp_path: Path) -> None:
    issue(tmp_path)
    with shown(page, tmp_path, "--language", "en") as address:
        page.goto(address)
        names = []
        for _ in range(9):
            page.keyboard.press("Tab")
            names.append(
                page.evaluate("document.activeElement.innerText || document.activeElement.name || ''")
            )
            width = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
            assert width != "0px", names
        assert names[:7] == [
            "To the content",
            "Français",
            "Nederlands",
            "Deutsch",
            "English",
            "Larger text",
            "clerk",
        ]
        page.locator("#clerk").focus()
        page.keyboard.type("anna")
        page.keyboard.press("Enter")
        expect(page.get_by_text(STEP_ONE["en"])).to_be_visible()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("#main")).to_be_focused()
        # What the card says is spoken when it changes, and not again each second.
        assert page.locator("#card").get_attribute("aria-live") == "polite"
        page.evaluate(
            "window.changes = 0; new MutationObserver(() => { window.changes += 1; })"
            ".observe(document.getElementById('card'), {childList: true, subtree: true})"
        )
        page.wait_for_timeout(2500)
        assert page.evaluate("window.changes") == 0


def test_a_session_warns_before_it_ends_and_one_touch_prolongs_it(page: Page, tmp_path: Path) -> None:
    page.clock.install()
    with shown(page, tmp_path, "--language", "en") as address:
        log_in(page, address)
        page.wait_for_url("**/card")
        page.clock.fast_forward("14:30")
        dialog = page.get_by_role("dialog", name="Are you still there?")
        expect(dialog).to_be_visible()
        assert barriers(page) == []
        keep(page, "ending")
        page.keyboard.press("Enter")
        expect(dialog).to_be_hidden()
        assert page.url.endswith("/card")
        page.clock.fast_forward("14:30")
        expect(dialog).to_be_visible()
        page.clock.fast_forward("01:00")
        page.wait_for_url("**/login")


def cancel_a_cut(page: Page) -> None:
    """The second pass of 2020; then the next card."""
    page.get_by_role("link", name="Carte suivante").click()
    page.get_by_role("link", name="Annuler une coupure programmée").click()
    page.get_by_label("Une autre coupure, par son nom").fill("juillet-2020")
    looked_at(page, "reactivate")
    page.keyboard.press("Enter")
    page.wait_for_url("**/reactivate/choose")
    looked_at(page, "reactivate-check")
    page.get_by_role("button", name="Écrire sur la carte").click()
    expect(page.get_by_role("heading", name="Coupure programmée annulée 3")).to_be_visible()
    looked_at(page, "reactivate-ticket")


def serve_queue(page: Page) -> None:
    """One card in a queue."""
    page.get_by_role("link", name="File d'attente").click()
    looked_at(page, "queue-choose")
    page.get_by_role("button", name="Continuer").click()
    page.get_by_role("button", name="Écrire sur la carte").click()
    expect(page.get_by_text("Cartes servies : 1")).to_be_visible()
    looked_at(page, "queue")


def test_a_clerk_serves_a_household_from_login_to_the_end_of_the_day(page: Page, tmp_path: Path) -> None:
    issue(tmp_path, "m1", "--reference", "5414000000042")
    visit = ("meter", "m1", "--state", "m1.json", "--card", "card.bin")
    with shown(page, tmp_path, "--language", "fr") as address:
        log_in(page, address)
        expect(page.get_by_text(STEP_ONE["fr"])).to_be_visible()
        program("relance-emulator", *visit, cwd=tmp_path)
        expect(page.get_by_text("Aucune étape ne manque")).to_be_visible()
        page.get_by_role("link", name="Encaisser un paiement").click()
        looked_at(page, "pay")
        page.get_by_role("button", name="20,00 €").click()
        looked_at(page, "pay-check")
        page.get_by_role("button", name="Payer 20,00 €").click()
        expect(page.get_by_role("heading", name="Reçu 1")).to_be_visible()
        looked_at(page, "receipt")
        page.get_by_role("link", name="Carte suivante").click()
        expect(page.get_by_text("L'étape 3 sur 3 manque")).to_be_visible()
        keep(page, "step-3")
        program("relance-emulator", *visit, cwd=tmp_path)
        expect(page.get_by_text("Crédit dans le compteur : 20,00 €")).to_be_visible()
        page.get_by_role("link", name="Rechercher").click()
        page.get_by_label("Référence du client").fill("5414000000042")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Il est sur la carte.")).to_be_visible()
        looked_at(page, "find")
        page.get_by_role("link", name="Annuler").click()
        looked_at(page, "void")
        # The meter has it: the card says so, and no money is given back.
        page.get_by_role("button", name="Annuler ce paiement").click()
        expect(page.get_by_role("heading", name="Cela n'a pas fonctionné")).to_be_visible()
        looked_at(page, "void-refused")
        page.get_by_role("link", name="Carte", exact=True).click()
        page.get_by_role("link", name="Remise en marche par carte").click()
        looked_at(page, "recover")
        page.get_by_role("button", name="Continuer").click()
        looked_at(page, "recover-check")
        page.get_by_role("button", name="Écrire sur la carte").click()
        expect(page.get_by_role("heading", name="Remise en marche par carte 2")).to_be_visible()
        looked_at(page, "recover-ticket")
        cancel_a_cut(page)
        serve_queue(page)
        page.get_by_role("link", name="Fin de journée").click()
        looked_at(page, "shift")
        page.get_by_label("Espèces comptées, en euros").fill("20")
        page.keyboard.press("Enter")
        expect(page.get_by_text("La caisse est juste.")).to_be_visible()
        looked_at(page, "shift-closed")
        page.get_by_role("link", name="Commencer un service").click()
        page.wait_for_url("**/login")


def test_a_lost_card_is_replaced_and_no_page_of_it_has_a_barrier(page: Page, tmp_path: Path) -> None:
    issue(tmp_path, "m1", "--reference", "5414000000042")
    with shown(page, tmp_path, "--language", "en") as address:
        log_in(page, address)
        page.get_by_role("link", name="Take a payment").click()
        page.get_by_role("button", name="€20.00").click()
        page.get_by_role("button", name="Pay €20.00").click()
        expect(page.get_by_role("heading", name="Receipt 1")).to_be_visible()
        (tmp_path / "card.bin").rename(tmp_path / "lost.bin")
        program("relance-kiosk", "card", "blank", "virtual:card.bin", cwd=tmp_path)
        page.get_by_role("link", name="Next card").click()
        expect(page.get_by_text("This card is new.")).to_be_visible()
        page.get_by_role("link", name="Replace a lost card").click()
        page.get_by_label("Customer's reference").fill("5414000000042")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="What was found")).to_be_visible()
        looked_at(page, "replace-found")
        page.get_by_role("link", name="Replace the card of m1").click()
        looked_at(page, "replace-check")
        page.get_by_role("button", name="Make the new card").click()
        expect(page.get_by_role("heading", name="The new card is made")).to_be_visible()
        expect(page.get_by_text("€20.00")).to_be_visible()
        looked_at(page, "replaced")


def test_a_card_that_is_pulled_out_leaves_a_payment_that_is_finished_later(
    page: Page, tmp_path: Path
) -> None:
    issue(tmp_path)
    with shown(page, tmp_path, "--language", "nl") as address:
        log_in(page, address)
        page.get_by_role("link", name="Een betaling aannemen").click()
        page.get_by_role("button", name="€ 50,00").click()
        page.wait_for_url("**/pay/check")
        (tmp_path / "card.bin").rename(tmp_path / "pocket.bin")
        page.get_by_role("button", name="€ 50,00 betalen").click()
        expect(page.get_by_text("Er zit geen kaart in de lezer.")).to_be_visible()
        looked_at(page, "no-card")
        (tmp_path / "pocket.bin").rename(tmp_path / "card.bin")
        page.get_by_role("button", name="De kaart zit in de lezer: verder").click()
        expect(page.get_by_role("heading", name="Ontvangstbewijs 1")).to_be_visible()


def test_a_page_says_when_the_kiosk_has_gone(browser: Browser, tmp_path: Path) -> None:
    context = browser.new_context()
    page = context.new_page()
    with served(tmp_path, "--language", "nl") as address:
        log_in(page, address)
        page.wait_for_url("**/card")
    expect(page.get_by_text("De kiosk antwoordt niet.")).to_be_visible()
    context.close()
