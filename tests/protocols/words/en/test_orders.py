"""What is said of an order: what it does, for which meters, and its object and revision."""

from zoneinfo import ZoneInfo

import pytest

from protocols.documents import drafting
from protocols.documents.bodies import DebtBody, KeysBody, ParametersBody
from protocols.documents.drafting import CalendarRule
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import Order
from protocols.instants import DAY_MS, HOUR_MS
from protocols.reasons import PaymentMode
from protocols.spans import Window
from protocols.words.en.orders import order_in_words, revision_in_words
from tests.protocols.documents.drafted import DRAFTS, NOW_MS, sheet

BRUSSELS = ZoneInfo("Europe/Brussels")
MONDAY = "Mon 2020-07-06 00:00 CEST (2020-07-05 22:00 UTC)"
TUESDAY = "Tue 2020-07-07 00:00 CEST (2020-07-06 22:00 UTC)"
WINDOW = Window(NOW_MS + 8 * HOUR_MS, NOW_MS + 12 * HOUR_MS)
RULE = CalendarRule("weekdays 08:00-12:00", "Europe/Brussels", "BE")
CALENDAR = drafting.unlinted_calendar(sheet(), "s", [WINDOW], RULE, NOW_MS + 2 * DAY_MS)

WORDS: list[tuple[Order, str]] = [
    (DRAFTS["declare"](), f"no cut (h) from {MONDAY} until {TUESDAY}, for the whole fleet (hold/h rev 1)"),
    (DRAFTS["shorten"](), f"no cut (h) from {MONDAY} until {TUESDAY}, for the whole fleet (hold/h rev 1)"),
    (DRAFTS["lift"](), "the hold h is lifted, for the whole fleet (hold/h rev 1)"),
    (
        DRAFTS["release"](),
        "supply back, and no cut for 24 h from then, for the whole fleet (release/all rev 1)",
    ),
    (
        DRAFTS["payment"](),
        (
            "credit for what was paid through controller so far, 5.00 EUR in all, "
            "for m1 (payment/controller rev 1)"
        ),
    ),
    (
        drafting.payment_statement(sheet(), "m1", "controller", 1, 5_000_000, epoch=2),
        (
            "credit for what was paid through controller in its epoch 2 so far, 5.00 EUR in all, "
            "for m1 (payment/controller rev 1)"
        ),
    ),
    (DRAFTS["emergency"](), "emergency credit is started, for m1 (emergency/credit rev 1)"),
    (DRAFTS["set_flag"](), "the flag medical is set, for m1 (flag/medical rev 1)"),
    (DRAFTS["clear_flag"](), "the flag medical is cleared, for m1 (flag/medical rev 1)"),
    (
        CALENDAR,
        (
            'cuts only in 1 windows ("weekdays 08:00-12:00" in Europe/Brussels, holidays BE), the last until '
            "Mon 2020-07-06 12:00 CEST (10:00 UTC), for the whole fleet (calendar/s rev 1)"
        ),
    ),
    (
        drafting.lease(sheet(), tuple(f"m{number}" for number in range(1, 8)), CALENDAR, ()),
        (
            "cuts by fleet stay possible until Mon 2020-07-13 00:00 CEST (2020-07-12 22:00 UTC), "
            "for m1, m2, m3, m4, m5 and 2 more (lease/fleet rev 1)"
        ),
    ),
    (
        drafting.unlinted_cut(sheet(), "c", ("m1", "m2"), (WINDOW.start_ms, WINDOW.end_ms)),
        (
            "cut between Mon 2020-07-06 08:00 CEST (06:00 UTC) and Mon 2020-07-06 12:00 CEST (10:00 UTC), "
            "for m1, m2 (cut/c rev 1)"
        ),
    ),
    (
        DRAFTS["void"](),
        (
            "all protection that the key 0000000000000000 of carl alone has signed is lifted, "
            "but for hold/h, "
            "for the whole fleet (void/0000000000000000 rev 1)"
        ),
    ),
    (
        drafting.void(sheet(), "0" * 64, "carl", (), "1" * 64),
        (
            "all protection that the key 0000000000000000 of carl alone has signed is lifted, "
            "for the whole fleet (void/0000000000000000 rev 1)"
        ),
    ),
    (DRAFTS["cancel"](), "the cut c is cancelled, for m1 (cut/c rev 1)"),
    (DRAFTS["limiter"](), "the limiter is engaged, for m1 (limiter/m1 rev 1)"),
    (
        DRAFTS["tariff"](),
        "energy at 0.30 EUR/kWh, 0.0001 EUR a day, for the whole fleet (tariff/base rev 1)",
    ),
    (
        drafting.debt(sheet(), "m1", DebtBody(120_000_000, 350, 20_000_000, 5_000_000, 30)),
        (
            "a debt of 120.00 EUR in all, to which 35 % of each payment goes, at most 20.00 EUR of one, "
            "at most 5.00 EUR in 30 days, for m1 (debt/m1 rev 1)"
        ),
    ),
    (
        drafting.debt(sheet(), "m1", DebtBody(0, 5)),
        "a debt of 0.00 EUR in all, to which 0.5 % of each payment goes, for m1 (debt/m1 rev 1)",
    ),
    (
        drafting.refund(sheet(), "m1", 20_000_000),
        "refunds out of the credit, 20.00 EUR in all, for m1 (refund/m1 rev 1)",
    ),
    (
        drafting.parameters(sheet(), "m1", ParametersBody(NOW_MS, PaymentMode.CREDIT, ("north", "social"))),
        (
            "from Mon 2020-07-06 00:00 CEST (2020-07-05 22:00 UTC) the payment mode is on credit, "
            "the groups are north, social, for m1 (parameters/m1 rev 1)"
        ),
    ),
    (
        drafting.parameters(sheet(), "m1", ParametersBody(NOW_MS, back_to=3)),
        (
            "from Mon 2020-07-06 00:00 CEST (2020-07-05 22:00 UTC) the values of version 3, "
            "for m1 (parameters/m1 rev 1)"
        ),
    ),
    (
        drafting.deferral(sheet(), "covid", NOW_MS + DAY_MS, NOW_MS + 2 * DAY_MS),
        (
            "nothing is charged from Tue 2020-07-07 00:00 CEST (2020-07-06 22:00 UTC) until "
            "Wed 2020-07-08 00:00 CEST (2020-07-07 22:00 UTC), it is settled later, "
            "for the whole fleet (deferral/covid rev 1)"
        ),
    ),
    (
        drafting.keys(sheet(), "all", KeysBody(2, "0" * 64, "0" * 64, "0" * 64)),
        "a new key, agreed with generation 2 of the fleet's key, for the whole fleet (keys/all rev 1)",
    ),
    (
        drafting.rebase(sheet(), "m1", "a1"),
        "the clock begins anew and asks its witnesses again, for m1 (clock/m1 rev 1)",
    ),
]


@pytest.mark.parametrize(("order", "words"), WORDS)
def test_an_order_is_said_in_words(order: Order, words: str) -> None:
    assert order_in_words(order, BRUSSELS, "anna") == words


def test_every_kind_of_order_has_words_of_its_own() -> None:
    assert {order.kind for order, _words in WORDS} == set(Kind)


@pytest.mark.parametrize(
    ("name", "by", "words"),
    [
        ("hold/frost", "anna", "hold/frost rev 2"),
        (f"release/{'a' * 64}", "anna", "release/anna no. 2"),
        (f"release/{'a' * 64}", "", "release/aaaaaaaaaaaaaaaa no. 2"),  # nobody knows whose key it was
        ("release/m1", "anna", "release/m1 rev 2"),  # of before releases were numbered by keys
        (f"void/{'a' * 64}", "anna", "void/aaaaaaaaaaaaaaaa rev 2"),  # anna voided it; the key is another's
    ],
)
def test_a_person_stands_in_the_place_of_a_key(name: str, by: str, words: str) -> None:
    assert revision_in_words(name, 2, by) == words


@pytest.mark.parametrize(
    ("kind", "rev", "words"),
    [
        (Kind.CLEAR_FLAG, 4_279_289_737, "flag/m1.medical, above all revisions before"),
        (Kind.LIFT_HOLD, 4_279_289_737, "flag/m1.medical, above all revisions before"),
        (Kind.CLEAR_FLAG, 3, "flag/m1.medical rev 3"),  # of before such orders leapt
        (Kind.SET_FLAG, 4_279_289_738, "flag/m1.medical rev 4279289738"),  # only joins what is there
        (None, 4_279_289_737, "flag/m1.medical rev 4279289737"),
    ],
)
def test_what_ends_protection_is_not_told_by_ten_digits(kind: Kind | None, rev: int, words: str) -> None:
    assert revision_in_words("flag/m1.medical", rev, "anna", kind) == words
