"""`relance kiosk receipts|refunds|pay-back|paid|reject`: what a person types until a refund is paid."""

from pathlib import Path

import msgspec
import pytest
from sqlmodel import select

from cardreader.issuing.kit_files import read_kit_facts
from controller.database.kiosk_tables import KioskRow, KioskStatementRow
from controller.database.tables import DeliveryRow
from controller.exchange.key_book import KeyBook
from controller.exchange.purses import PursesHeard
from controller.kiosks.intake import take_kiosk_words
from protocols.documents.envelope import seal
from protocols.documents.kiosk_limits import KIOSK_LIMITS_TYPE, write_limits
from protocols.documents.till_receipts import TillDeed
from protocols.link.kiosk_words import KioskItem, KioskStatus
from protocols.link.topics import Channel
from protocols.units import UEUR_PER_EUR
from tests.controller.faces.cli.fleet import store_of
from tests.controller.faces.cli.invocation import call
from tests.controller.households.households import ean
from tests.controller.kiosks.office import EPOCH, FLEET, KEY, KIOSK, LIMITS, NOW_MS, OFFICE, root_sent
from tests.controller.kiosks.test_refunds import receipt

E = UEUR_PER_EUR


@pytest.fixture
def asked(home: Path) -> Path:
    """A kiosk has taken 20 euro for m00001, which the household wants back; and 5 for m00002."""
    limits = seal(write_limits(LIMITS), KIOSK_LIMITS_TYPE, [KEY])
    with store_of(home) as session:
        session.add(
            KioskRow(
                id=KIOSK,
                office=OFFICE,
                public=KEY.public.hex(),
                limits=limits.decode(),
                added_by="anne",
                added_ms=0,
            )
        )
        session.add(
            KioskStatementRow(
                meter="m00001",
                issuer=OFFICE,
                epoch=EPOCH,
                total_ueur=20 * E,
                number=1,
                kiosk=KIOSK,
                envelope=b"",
                standing="booked",
                received_ms=NOW_MS,
            )
        )
        session.flush()
        deeds = ((TillDeed.TAKEN, "p1", 20, "m00001"), (TillDeed.REFUND, "p1", 20, "m00001"))
        words = [
            KioskItem(
                kiosk=KIOSK,
                number=number,
                at_ms=NOW_MS,
                body=msgspec.Raw(receipt(deed, payment, eur, meter=meter)),
            )
            for number, (deed, payment, eur, meter) in enumerate(
                (*deeds, (TillDeed.REFUND, "p2", 5, "m00002")), 1
            )
        ]
        said = [(Channel.KIOSK_RECEIPTS, word) for word in words]
        take_kiosk_words(session, said, KeyBook.of(FLEET), root_sent(), NOW_MS, PursesHeard())
    return home


def test_receipts_are_shown_by_kiosk_meter_and_time(asked: Path) -> None:
    found = call(asked, "kiosk", "receipts", "--json").found
    assert [(each["payment"], each["deed"]) for each in found["receipts"]] == [
        ("p2", "refund"),
        ("p1", "refund"),
        ("p1", "taken"),
    ]
    assert (found["receipts"][0]["at_ms"], found["more"]) == (NOW_MS, False)
    for options, count in (
        (("--meter", "m00001"), 2),
        (("--kiosk", KIOSK), 3),
        (("--from", "2023-11-14T22:13:20Z"), 3),
        (("--to", "2023-11-14T22:13:20Z"), 0),
        (("--limit", "1"), 1),
    ):
        assert len(call(asked, "kiosk", "receipts", *options, "--json").found["receipts"]) == count, options
    shown = call(asked, "kiosk", "receipts")
    assert "refund" in shown.out
    wrong = call(asked, "kiosk", "receipts", "--kiosk", "k7")
    assert (wrong.status, "allowed: k1" in wrong.err) == (1, True)


def test_a_refund_is_ordered_by_two_people_and_then_paid(asked: Path) -> None:
    found = call(asked, "kiosk", "refunds", "--json").found
    assert found["sums_ueur"] == {"owed": 25 * E, "on_its_way": 0, "taken": 0, "paid": 0, "rejected": 0}
    early = call(asked, "kiosk", "paid", KIOSK, "p1", "--proof", "transfer 7", "--as", "anne")
    assert (early.status, "it is owed" in early.err) == (1, True)
    too_much = call(asked, "kiosk", "pay-back", KIOSK, "p2", "--as", "anne")
    assert (too_much.status, "the ledger holds 0.00 EUR" in too_much.err) == (1, True)
    ordered = call(asked, "kiosk", "pay-back", KIOSK, "p1", "--as", "anne", "--json").found
    assert ordered["state"] == "ordered"
    assert call(asked, "orders", "sign", ordered["order"], "--as", "bart").status == 0
    with store_of(asked) as session:
        row = session.exec(select(DeliveryRow).where(DeliveryRow.order_id == ordered["order"])).one()
        row.state = "effective"
        session.add(row)
    assert "pay the household" in call(asked, "kiosk", "refunds").out
    paid = call(asked, "kiosk", "paid", KIOSK, "p1", "--proof", "transfer 7", "--as", "anne", "--json").found
    assert (paid["state"], paid["proof"], paid["ended_by"]) == ("paid", "transfer 7", "anne")
    assert "before" in call(asked, "kiosk", "paid", KIOSK, "p1", "--proof", "again", "--as", "anne").out
    once = call(asked, "kiosk", "reject", KIOSK, "p2", "--because", "not paid here", "--as", "anne")
    assert (once.status, "owed until a second person" in " ".join(once.out.split())) == (0, True)
    assert "a second person rejects" in " ".join(call(asked, "kiosk", "refunds").out.split())
    twice = call(asked, "kiosk", "reject", KIOSK, "p2", "--because", "not paid here", "--as", "bart")
    assert (twice.status, twice.out) == (0, "Payment p2: rejected.\n")
    assert call(asked, "kiosk", "refunds").out == "No refund is owed.\n"
    everything = call(asked, "kiosk", "refunds", "--all", "--json").found
    assert everything["sums_ueur"] == {
        "owed": 0,
        "on_its_way": 0,
        "taken": 0,
        "paid": 20 * E,
        "rejected": 5 * E,
    }


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("pay-back", KIOSK, "p9"), 1, "has asked for no refund of it"),
        (("pay-back", "k7", "p1"), 1, "no such kiosk"),
        (("pay-back", KIOSK, "p1", "--again", "--new"), 2, "allowed: one of them"),
        (("paid", KIOSK, "p1", "--proof", ""), 2, "--proof: allowed"),
        (("reject", KIOSK, "p1", "--because", "a\nb"), 2, "--because: allowed"),
    ],
)
def test_what_cannot_be_is_said_and_changes_nothing(
    asked: Path, arguments: tuple[str, ...], status: int, said: str
) -> None:
    wrong = call(asked, "kiosk", *arguments, "--as", "anne")
    assert (wrong.status, said in wrong.err) == (status, True), wrong.err
    assert call(asked, "kiosk", "refunds", "--json").found["sums_ueur"]["owed"] == 25 * E


def test_limits_that_the_store_has_lost_are_named(asked: Path) -> None:
    held = KioskStatus(kiosk=KIOSK, online=True, sequence=1, limits=7)
    with store_of(asked) as session:
        session.get_one(KioskRow, KIOSK).status = msgspec.json.encode(held).decode()
    listed = call(asked, "kiosk", "list")
    assert "k1: obeys limits 7, and this store knows 1: it was restored" in " ".join(listed.out.split())


def test_a_kiosk_is_given_areas_of_the_file(asked: Path, tmp_path: Path) -> None:
    file = tmp_path / "fleet.csv"
    file.write_text(f"ean,meter,area\n{ean(1)},m00001,Namur\n{ean(2)},,Mons\n")
    assert call(asked, "meters", "import", str(file)).status == 0
    for options, areas, near in (
        ((), [], 0),
        (("--area", "Mons", "--area", "Namur"), ["Mons", "Namur"], 1),
        ((), ["Mons", "Namur"], 1),
        (("--none",), [], 0),
    ):
        found = call(asked, "kiosk", "serves", KIOSK, *options, "--as", "anne", "--json").found
        assert (found["areas"], found["meters_near"], found["meters_left_out"]) == (areas, near, 0)
    wrong = call(asked, "kiosk", "serves", KIOSK, "--area", "Liege", "--as", "anne")
    assert (wrong.status, "allowed: Mons, Namur" in wrong.err) == (2, True)
    both = call(asked, "kiosk", "serves", KIOSK, "--area", "Mons", "--none", "--as", "anne")
    assert (both.status, "allowed: one of them" in both.err) == (2, True)


def test_a_kit_is_made_for_the_next_card(asked: Path) -> None:
    out = asked / "kit.json"
    made = ("kiosk", "kit", KIOSK, "m00001", "--serial", "00000000000000aa", "--out", str(out))
    found = call(asked, *made, "--json").found
    assert (found["card"], found["meter"], found["epoch"], found["fleet_generation"]) == (
        "00000000000000aa",
        "m00001",
        1,
        1,
    )
    facts = read_kit_facts(out.read_bytes())
    assert (facts.kiosk, facts.meter, facts.epoch) == (KIOSK, "m00001", 1)
    assert call(asked, *made).out.endswith("pairing epoch 1.\n"), "the same card again is the same kit"
    wrong = call(asked, "kiosk", "kit", KIOSK, "m00001", "--serial", "aa", "--out", str(out))
    assert (wrong.status, wrong.err) == (2, '--serial: "aa"; allowed: 16 hex digits\n')
    away = call(asked, *made[:-1], str(asked / "none" / "kit.json"))
    assert away.status == 2
    assert "cannot be written" in away.err
