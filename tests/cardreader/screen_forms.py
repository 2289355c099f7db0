"""What a browser reads off a page of the screen: its forms and their fields."""

import re
from html import unescape

_HIDDEN = re.compile(r'<input type="(?:hidden|radio)" name="([^"]+)" value="([^"]*)"( checked)?')


def token_of(page: str) -> str:
    """The token that each form of a page carries."""
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found, page
    return unescape(found[1])


def choice_of(page: str) -> dict[str, str]:
    """What a page that asks once more names as the choice that it shows; nothing on another page."""
    return {name: value for name, value in fields(page).items() if name == "choice"}


def fields(page: str) -> dict[str, str]:
    """What the page's forms would send untouched, of hidden fields and of those that are chosen."""
    return {
        name: unescape(value)
        for name, value, chosen in _HIDDEN.findall(page)
        if chosen or f'type="hidden" name="{name}"' in page
    }


def text_of(page: str) -> str:
    """The words of a page, without its tags."""
    body = re.sub(r"(?s)<(script|style|head)\b.*?</\1>", " ", page)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def said_on(page: str) -> set[str]:
    """Each text of a page, and each that only a screen reader says."""
    texts = re.findall(r">([^<]+)<", re.sub(r"(?s)<(script|style)\b.*?</\1>", "", page))
    texts += re.findall(r'(?:alt|aria-label)="([^"]+)"', page)
    return {" ".join(unescape(each).split()) for each in texts if each.strip()}
