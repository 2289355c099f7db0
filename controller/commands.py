"""All commands of `relance`, as rows. The module of one is imported when a person chooses it."""

from collections.abc import Callable
from typing import Final

import typer

from protocols.rim.commands import CommandRow, application


def _init() -> Callable[..., int]:
    from controller.faces.cli.init import init

    return init


def _serve() -> Callable[..., int]:
    from controller.faces.cli.serve import serve_fleet

    return serve_fleet


def _timeserver() -> Callable[..., int]:
    from controller.faces.cli.serve import serve_second_time

    return serve_second_time


def _status() -> Callable[..., int]:
    from controller.faces.cli.status import show_status
    from controller.faces.cli.verbs import READING, with_shared

    return with_shared(show_status, READING)


def _doctor() -> Callable[..., int]:
    from controller.faces.cli.doctor import examine
    from controller.faces.cli.verbs import READING, with_shared

    return with_shared(examine, READING)


def _meters() -> typer.Typer:
    from controller.faces.cli.work_list import app

    return app


def _groups() -> typer.Typer:
    from controller.faces.cli.groups import app

    return app


def _release() -> Callable[..., int]:
    from controller.faces.cli.release import release_meters
    from controller.faces.cli.verbs import ACTING, with_shared

    return with_shared(release_meters, ACTING)


def _moratorium() -> typer.Typer:
    from controller.faces.cli.moratorium import app

    return app


def _calendar() -> typer.Typer:
    from controller.faces.cli.cut_calendar import app

    return app


def _lease() -> typer.Typer:
    from controller.faces.cli.lease import app

    return app


def _topup() -> Callable[..., int]:
    from controller.faces.cli.topup import top_up_one
    from controller.faces.cli.verbs import NAMED, with_shared

    return with_shared(top_up_one, NAMED)


def _flag() -> typer.Typer:
    from controller.faces.cli.flag import app

    return app


def _cut() -> typer.Typer:
    from controller.faces.cli.cut import app

    return app


def _clock() -> typer.Typer:
    from controller.faces.cli.clock import app

    return app


def _tariff() -> typer.Typer:
    from controller.faces.cli.tariff import app

    return app


def _debt() -> typer.Typer:
    from controller.faces.cli.debt import app

    return app


def _refund() -> Callable[..., int]:
    from controller.faces.cli.refund import refund_one
    from controller.faces.cli.verbs import ACTING, with_shared

    return with_shared(refund_one, ACTING)


def _parameters() -> typer.Typer:
    from controller.faces.cli.parameters import app

    return app


def _keys() -> typer.Typer:
    from controller.faces.cli.keys import app

    return app


def _privacy() -> typer.Typer:
    from controller.faces.cli.privacy import app

    return app


def _orders() -> typer.Typer:
    from controller.faces.cli.orders import app

    return app


def _kiosk() -> typer.Typer:
    from controller.faces.cli.kiosk_kits import app

    return app


def _issuers() -> typer.Typer:
    from controller.faces.cli.issuers import app

    return app


def _root() -> typer.Typer:
    from controller.faces.cli.root import app

    return app


def _operator() -> typer.Typer:
    from controller.faces.cli.operator import app

    return app


def _agent() -> typer.Typer:
    from controller.faces.cli.agent import app

    return app


def _void() -> typer.Typer:
    from controller.faces.cli.void import app

    return app


def _audit() -> typer.Typer:
    from controller.faces.cli.audit import app

    return app


def _broker() -> typer.Typer:
    from controller.faces.cli.broker import app

    return app


def _reactivation() -> typer.Typer:
    from controller.faces.cli.reactivation_doors import app

    return app


def _demo() -> Callable[..., int]:
    from controller.demo.command import demo

    return demo


ROWS: Final = (
    CommandRow(
        "init",
        "Found a controller: keys of people and machines, a root signed by two, an empty database.",
        _init,
        (
            "init --home controller --operator anna --operator bert",
            "init --operator anna --operator bert --database postgresql://relance@db/relance",
        ),
    ),
    CommandRow(
        "serve",
        "Serve the fleet: publish orders, store reports, renew leases, answer with the time as `headend`.",
        _serve,
        ("serve --broker mqtt://127.0.0.1:1883", "serve --home controller"),
    ),
    CommandRow(
        "timeserver",
        "Answer meters as the time authority `timeserver`: the second witness of their clocks.",
        _timeserver,
        ("timeserver --broker mqtt://127.0.0.1:1883", "timeserver --home clock-b"),
    ),
    CommandRow(
        "status",
        "Show whether `relance serve` serves, how many meters are well, and what waits for people.",
        _status,
        ("status", "status --watch", "status --json"),
    ),
    CommandRow(
        "doctor",
        "Say whether the service trusts its clock, to whom it compared, and how this machine's clock stands.",
        _doctor,
        ("doctor", "doctor --json"),
    ),
    CommandRow("meters", "List, show and explain meters.", _meters),
    CommandRow("groups", "List and show groups of households; add and remove members.", _groups),
    CommandRow(
        "release",
        "Give meters their supply back now, and let nothing cut them for some hours. One person is enough.",
        _release,
        (
            "release m00042 m00043 --hours 24",
            "release --where 'supply==off;link==k01'",
            "release --all --wait",
        ),
    ),
    CommandRow("moratorium", "Declare, extend, lift and follow moratoriums.", _moratorium),
    CommandRow("calendar", "Set and show the windows in which meters may cut.", _calendar),
    CommandRow("lease", "Show the leases that permit meters to cut.", _lease),
    CommandRow(
        "topup",
        "Take a payment and send it to a meter as a statement. One person is enough.",
        _topup,
        ("topup m00042 --eur 20.00 --id till-7-00123",),
    ),
    CommandRow("flag", "Set, clear and list households' flags.", _flag),
    CommandRow("cut", "Order and cancel planned cuts.", _cut),
    CommandRow("clock", "Settle a meter's disputed clock.", _clock),
    CommandRow("tariff", "Set what energy and days cost, by register.", _tariff),
    CommandRow("debt", "Put a debt on a meter, and say how payments bring it back.", _debt),
    CommandRow(
        "refund",
        "Take money out of a purse that was paid back to the household in another way.",
        _refund,
        ("refund m00042 --eur 20.00 --basis 'move of 1 June' --as anna", "orders sign o000012 --as bert"),
    ),
    CommandRow("parameters", "Set a meter's payment mode and groups, and go back.", _parameters),
    CommandRow("orders", "List, show, sign and withdraw orders.", _orders),
    CommandRow("root", "Renew the root: whose keys count.", _root),
    CommandRow("operator", "Say who may act: bring people in, take them out, renew keys.", _operator),
    CommandRow("keys", "Give meters new keys, and see who speaks under which.", _keys),
    CommandRow("agent", "Open your key for a shift: it signs, and asks no passphrase.", _agent),
    CommandRow("issuers", "Say whose key signs payments, and how much a day.", _issuers),
    CommandRow("kiosk", "Kiosks: stations where cards are read and paid for.", _kiosk),
    CommandRow("void", "Take away what a stolen key has signed, and say what of it stays.", _void),
    CommandRow(
        "reactivation",
        "Tell every household before its meter goes back to prepayment, until all are reached.",
        _reactivation,
    ),
    CommandRow("privacy", "Who looked at households, and for how long data is kept.", _privacy),
    CommandRow("audit", "Verify and read the audit.", _audit),
    CommandRow("broker", "The broker: who may connect, say and hear what.", _broker),
    CommandRow(
        "demo",
        "Replay the night of 2 July 2020 with emulated meters over real MQTT, and write a report.",
        _demo,
        ("demo", "demo --meters 40 --fast", "demo --seed 8 --broker mqtt://localhost --out build/demo-8"),
    ),
)

app = application(
    "relance",
    "Controls a fleet of prepaid meters: whoever is cut wrongly is back within seconds.",
    ROWS,
    ("controller.faces.cli", "controller.demo"),
)
