"""A reactivation in a store: households, acts at any instant, and what was sent."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import select

from controller.database.campaign_tables import NoticeRow
from controller.database.engine import reading
from controller.meters.choosing import METER_FIELDS
from controller.office.people import Actor
from controller.orders.acting import acting
from controller.query.rules import read_query
from controller.reactivation.acts import CampaignOpening, Planned, open_campaign, plan_reminders, record
from controller.reactivation.contacts import COLUMNS, read_contacts, take_contacts
from controller.reactivation.mail import Mailer, read_server
from controller.reactivation.outbox import SendingDesk, Sent, send
from controller.reactivation.rules import Happening, LearnedBy, Means
from controller.reactivation.views import Funnel, funnel
from controller.timing.comparing import Here
from protocols.documents.envelope import Signer
from protocols.documents.roles import Root
from protocols.instants import ms_from_iso
from tests.controller.households.households import ean, take_file

ANNE = Actor("anne", Signer.from_seed(bytes(32)))
# No act of a reactivation asks whose keys count: the face has done so before.
NO_ROOT = Root(version=1, expires_ms=0, keys={}, roles={})
NAME = "june-2020"
OPENED_MS = ms_from_iso("2020-06-04T09:00+02:00")
DEADLINE_MS = ms_from_iso("2020-07-03T23:01+02:00")
LANGUAGES = ("fr", "nl", "de", "en")


def at(text: str) -> int:
    """An instant of June 2020 in Brussels: `04 10:00`; of July: `07-03 23:01`."""
    day, clock = text.split()
    month_day = day if "-" in day else f"06-{day}"
    return ms_from_iso(f"2020-{month_day}T{clock}+02:00")


def populate(store: Engine, count: int, *, email: bool = True) -> None:
    """Households 1 to `count`, in four languages by turns, with mail, phone and street."""
    rows = [f"{ean(n)},m{n:05},Namur,{LANGUAGES[n % 4]},electricity" for n in range(1, count + 1)]
    take_file(store, "ean,meter,area,language,energy", *rows)
    cells = [
        [
            ean(n),
            f"Household {n}",
            f"h{n}@example.be" if email else "",
            "0470123456",
            f"Rue {n}",
            "5000",
            "Namur",
        ]
        for n in range(1, count + 1)
    ]
    with acting(store, NO_ROOT, ANNE, OPENED_MS) as act:
        take_contacts(act, read_contacts(iter(enumerate([list(COLUMNS), *cells], 1)), "contacts.csv"))


def open_june(store: Engine, order_id: str | None = None) -> int:
    opening = CampaignOpening(
        name=NAME,
        query="area==Namur",
        zone="Europe/Brussels",
        deadline_ms=DEADLINE_MS,
        sender="The network",
        phone="078 78 78 00",
        language="fr",
        order_id=order_id,
    )
    with acting(store, NO_ROOT, ANNE, OPENED_MS, "decree") as act:
        return open_campaign(act, opening, read_query("area==Namur", METER_FIELDS, "--where"))


def plan(store: Engine, now_ms: int, wave: str = "first", by: Sequence[Means] = tuple(Means)) -> Planned:
    with acting(store, NO_ROOT, ANNE, now_ms) as act:
        return plan_reminders(act, NAME, wave, by)


def happen(
    store: Engine, number: int, what: str, channel: str, now_ms: int, happened_ms: int | None = None
) -> bool:
    with acting(store, NO_ROOT, ANNE, now_ms) as act:
        when_ms = now_ms if happened_ms is None else happened_ms
        return record(act, NAME, ean(number), Happening(what), LearnedBy(channel), when_ms)


def take_back(store: Engine, number: int, what: str, channel: str, now_ms: int) -> bool:
    with acting(store, NO_ROOT, ANNE, now_ms) as act:
        return record(act, NAME, ean(number), Happening(what), LearnedBy(channel), now_ms, withdrawn=True)


def dispatch(
    store: Engine,
    now_ms: int,
    drop: Path,
    smtp: str | None = None,
    *,
    again: bool = False,
    told: Callable[[int], None] = lambda _count: None,
) -> Sent:
    """Send what is due at this instant."""
    mailer = None if smtp is None else Mailer(read_server(smtp, "", "--smtp"), "info@example.be")
    desk = SendingDesk(
        store=store,
        root=NO_ROOT,
        actor=ANNE,
        clock=lambda: (now_ms, Here(now_ms, 0, "no-boot")),
        drop=drop,
        log=drop / "reminders.log",
        mailer=mailer,
    )
    try:
        return send(desk, NAME, told, again=again)
    finally:
        if mailer is not None:
            mailer.close()


def states(store: Engine) -> Counter[str]:
    """How many reminders are in each state."""
    with reading(store) as session:
        return Counter(session.exec(select(NoticeRow.state)))


def counts(store: Engine, on_ms: int, known_ms: int | None = None) -> Funnel:
    with reading(store) as session:
        return funnel(session, NAME, on_ms, on_ms if known_ms is None else known_ms)
