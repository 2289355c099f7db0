"""All commands of `relance-kiosk`, as rows. The module of one is imported when it is chosen."""

from collections.abc import Callable
from typing import Final

import typer

from protocols.rim.commands import CommandRow, application

PROGRAM: Final = "relance-kiosk"


def _issue() -> Callable[..., int]:
    from cardreader.cli.issue import issue_cards

    return issue_cards


def _read() -> Callable[..., int]:
    from cardreader.cli.read import read_card

    return read_card


def _explain() -> Callable[..., int]:
    from cardreader.cli.explain import explain_number

    return explain_number


def _serve() -> Callable[..., int]:
    from cardreader.cli.serve import serve_kiosk

    return serve_kiosk


def _topup() -> Callable[..., int]:
    from cardreader.cli.topup import top_up_card

    return top_up_card


def _recover() -> Callable[..., int]:
    from cardreader.cli.recover import recover_household

    return recover_household


def _reactivate() -> Callable[..., int]:
    from cardreader.cli.recover import reactivate_household

    return reactivate_household


def _readers() -> Callable[..., int]:
    from cardreader.cli.readers import list_readers

    return list_readers


def _replace() -> Callable[..., int]:
    from cardreader.cli.replace import replace_card

    return replace_card


def _void() -> Callable[..., int]:
    from cardreader.cli.void import void_payment

    return void_payment


def _reprint() -> Callable[..., int]:
    from cardreader.cli.reprint import reprint_receipt

    return reprint_receipt


def _find() -> Callable[..., int]:
    from cardreader.cli.find import find_household

    return find_household


def _queue() -> typer.Typer:
    from cardreader.cli.queue import queue_app

    return queue_app


def _shift() -> typer.Typer:
    from cardreader.cli.shift import shift_app

    return shift_app


def _agent() -> typer.Typer:
    from cardreader.cli.agent import agent_app

    return agent_app


def _exchange() -> Callable[..., int]:
    from cardreader.cli.exchange import exchange_with_card

    return exchange_with_card


def _line() -> Callable[..., int]:
    from cardreader.cli.line import run_kiosk_line

    return run_kiosk_line


def _card() -> typer.Typer:
    from cardreader.cli.card import card_app

    return card_app


ROWS: Final = (
    CommandRow(
        "issue",
        "Make cards of households.",
        _issue,
        (
            "issue --reader virtual:card.bin",
            "issue --reader virtual:card.bin --meter m00042 --reference 5414000000042 --json",
            "issue --reader virtual:new.bin --meter m00042 --epoch 2 --fleet-key home/fleet.key",
            "issue --list cards.csv --out cards --json",
            "issue --reader any --home kiosk-1 --kit kit.json",
        ),
    ),
    CommandRow(
        "read",
        "Say what lies on a card, what its meter has said, and which step is missing.",
        _read,
        (
            "read --reader virtual:card.bin",
            "read --reader virtual:card.bin --language fr",
            "read --reader any --json",
        ),
    ),
    CommandRow(
        "explain",
        "Say what a number for the call centre means.",
        _explain,
        ("explain '182 121'", "explain 182121 --json"),
    ),
    CommandRow(
        "topup",
        "Take a payment for a card's meter, and put its statement onto the card.",
        _topup,
        (
            "topup --reader virtual:card.bin --eur 20",
            "topup --reader virtual:card.bin --eur 20 --id p1 --json",
            "topup --reader any --home kiosk-1 --eur 50",
        ),
    ),
    CommandRow(
        "recover",
        "Put a release onto a card: the meter gives the supply back.",
        _recover,
        (
            "recover --reader virtual:card.bin",
            "recover --home kiosk-1 --key anna.pem --reader any --hours 24 --json",
        ),
    ),
    CommandRow(
        "reactivate",
        "Put the cancellation of a programmed cut onto a card, the second pass of 2020.",
        _reactivate,
        (
            "reactivate --reader virtual:card.bin --id c1",
            "reactivate --home kiosk-1 --key anna.pem --reader any --json",
        ),
    ),
    CommandRow(
        "readers",
        "List the card readers of this machine, and what is in them.",
        _readers,
        ("readers", "readers --json"),
    ),
    CommandRow(
        "serve",
        "Show the screen of the kiosk in the browser of this machine.",
        _serve,
        (
            "serve --reader virtual:card.bin",
            "serve --reader any --home kiosk1 --language nl --phone '078 78 78 00'",
        ),
    ),
    CommandRow(
        "replace",
        "Make the card that takes the place of a lost one, with all that was paid at this kiosk.",
        _replace,
        (
            "replace --reader virtual:new.bin --meter m1 --ledger card.bin.ledger",
            "replace --reader any --home kiosk-1 --kit kit.json",
            "replace --reader any --meter m00042 --epoch 2 --fleet-key home/fleet.key --json",
        ),
    ),
    CommandRow(
        "void",
        "Take a payment back, before its meter has it.",
        _void,
        ("void --id p1 --reader virtual:card.bin", "void --home kiosk-1 --id p1 --refund --json"),
    ),
    CommandRow(
        "reprint",
        "Print a receipt: of a payment, a void, a refund, a recovery card, or the end of a shift.",
        _reprint,
        (
            "reprint --home kiosk-1 --payment p1",
            "reprint --home kiosk-1 --number 7 --as html --out receipt.html --language de",
        ),
    ),
    CommandRow(
        "find",
        "Find what this kiosk knows of a household, also where its card is lost.",
        _find,
        ("find --home kiosk-1 --reference 5414000000042", "find --home kiosk-1 --payment p1 --json"),
    ),
    CommandRow("queue", "Say which payments are open; or serve card after card.", _queue),
    CommandRow("shift", "Open and close a clerk's shift.", _shift),
    CommandRow("agent", "Open a clerk's key within a shift: it signs, and asks no passphrase.", _agent),
    CommandRow(
        "exchange",
        "Take from a card what its meter has said, and put onto it what waits for that meter.",
        _exchange,
        ("exchange --home /var/lib/relance-kiosk --reader virtual:card.bin",),
    ),
    CommandRow(
        "line",
        "Carry payments and receipts to the controller, and bring what is to go onto cards.",
        _line,
        ("line --home /var/lib/relance-kiosk",),
    ),
    CommandRow("card", "Look into a card, and speak to it.", _card),
)

app = application(
    PROGRAM,
    "Cards of prepaid meters: make them, look into them, speak to them.",
    ROWS,
    ("cardreader.cli",),
)
