"""`relance tariff`: what energy and days cost, by register; two people set it."""

from typing import Annotated

import typer

from controller.faces.cli.face import Face
from controller.faces.cli.options import ZONE_DEFAULT, Since
from controller.faces.cli.verbs import ACTING, verb
from controller.tariffs.acts import defer, set_tariff
from protocols.arguments import read_name, read_names, read_price, read_span
from protocols.cutting.public_holidays import check_holidays
from protocols.cutting.rules import parse_rule
from protocols.cutting.switches import RegisterPlan
from protocols.cutting.zones import load_zone
from protocols.documents.bodies import RegisterPrice
from protocols.documents.kind_rule import Kind
from protocols.errors import InputError, quoted
from protocols.identifiers import is_obis
from protocols.instants import DAY_MS

app = typer.Typer(no_args_is_help=True, help="Set what energy and days cost, by register.")

Addressed = Annotated[
    list[str] | None, typer.Argument(metavar="[METER]...", help="Meters' ids; else the whole fleet.")
]

_REST = "rest"
_WORDS = 4


@verb(
    app,
    "set",
    "tariff set --name base --eur-per-kwh 0.30 --eur-per-day 0.24",
    "tariff set --name dual --eur-per-kwh 0.30 --eur-per-day 0.24 --until 2027-01-01T00:00+01:00 "
    "--register '1-0:1.8.1 0.40 0.24 mon-fri 07:00-22:00' --register '1-0:1.8.2 0.20 0.24 rest'",
    "orders sign o000012 --as bert",
    shares=ACTING,
)
def set_one(
    face: Face,
    meters: Addressed = None,
    *,
    name: Annotated[str, typer.Option(metavar="NAME", help="The tariff's name.")],
    per_kwh: Annotated[str, typer.Option("--eur-per-kwh", metavar="EUR", help="Price of energy.")],
    per_day: Annotated[str, typer.Option("--eur-per-day", metavar="EUR", help="Fixed charge.")],
    register: Annotated[
        list[str] | None,
        typer.Option(metavar="R", help="'OBIS EUR/KWH EUR/DAY RULE', RULE in local time or 'rest'."),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="T", help="From then on no register is in use.")
    ] = None,
    since: Since = None,
    zone: Annotated[str, typer.Option(metavar="Z", help="The rules' IANA zone.")] = ZONE_DEFAULT,
    holidays: Annotated[
        str, typer.Option(metavar="CODE", help="Rules leave out public holidays of this country, or none.")
    ] = "BE",
) -> int:
    """Set prices, from the moment a meter accepts them.

    Two different people must sign; this command signs first. With registers, a meter charges the one whose
    hours hold its best estimate of the time; in no register's hours, and after `--until`, the prices of the
    tariff itself. A wrong date changes which register is charged, and nothing else.
    """
    prices_ueur = read_price(per_kwh, "--eur-per-kwh"), read_price(per_day, "--eur-per-day")
    read_name(name, "--name")
    plans = [_register(text) for text in register or ()]
    if bool(plans) is not (until is not None):
        raise InputError("--until: allowed: with --register, and needed there")
    now_ms = face.issue_ms()
    span_ms = (now_ms, now_ms + DAY_MS) if until is None else read_span(since, until, now_ms)
    load_zone(zone, "--zone")
    check_holidays(holidays, "--holidays")
    addressed = read_names(meters or (), "METER")
    with face.acting(Kind.TARIFF, addressed) as act:
        status = set_tariff(act, name, prices_ueur, plans, (zone, holidays), span_ms, addressed)
    return face.show(status)


@verb(
    app,
    "defer",
    "tariff defer --name covid-2020 --from 2026-03-18T00:00+01:00 --until 2026-07-01T00:00+02:00",
    "orders sign o000012 --as bert",
    shares=ACTING,
)
def defer_one(
    face: Face,
    meters: Addressed = None,
    *,
    name: Annotated[str, typer.Option(metavar="NAME", help="The deferral's name, to change it by.")],
    until: Annotated[str, typer.Option(metavar="T", help="From then on meters charge again.")],
    since: Since = None,
) -> int:
    """Have meters count what they deliver and charge nothing, to settle it later.

    Two different people must sign; this command signs first. It holds no cut: that is what a moratorium does.
    A later order of the same name replaces its bounds.
    """
    span_ms = read_span(since, until, face.issue_ms())
    read_name(name, "--name")
    addressed = read_names(meters or (), "METER")
    with face.acting(Kind.DEFERRAL, addressed) as act:
        status = defer(act, name, span_ms, addressed)
    return face.show(status)


def _register(text: str) -> RegisterPlan:
    words = text.split(maxsplit=_WORDS - 1)
    if len(words) < _WORDS or not is_obis(words[0]):
        allowed = "such as '1-0:1.8.1 0.40 0.24 mon-fri 07:00-22:00', or 'rest' in place of the hours"
        raise InputError(f"--register: {quoted(text)}; allowed: {allowed}")
    obis, per_kwh, per_day, rule = words
    price = RegisterPrice(obis, read_price(per_kwh, "--register"), read_price(per_day, "--register"))
    return RegisterPlan(price, None if rule == _REST else parse_rule(rule, "--register"))
