"""The page on kinds of order is current: its table is that of the rows, and what it links to is there."""

import re

import pytest

from protocols.documents.kinds import KINDS
from tools.docs import KINDS_PAGE, kinds_page

PAGE = KINDS_PAGE.read_text(encoding="utf-8")


def test_the_table_of_the_kinds_is_current() -> None:
    assert kinds_page() == PAGE, "run `make docs`"
    assert all(f"| `{kind}` |" in PAGE for kind in KINDS)


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#:]+)\)", PAGE))
def test_what_the_page_links_to_is_there(link: str) -> None:
    assert (KINDS_PAGE.parent / link).exists()
