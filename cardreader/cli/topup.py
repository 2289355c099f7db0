"""`relance-kiosk topup`: a payment, from the ledger onto the card; for practice."""

import secrets
import sys
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from cardreader.cli.ledger import ISSUER, LedgerFile, PracticePayment
from cardreader.cli.opening import open_session
from cardreader.cli.options import (
    PRACTICE_SEED,
    FleetKey,
    Generation,
    Json,
    Practice,
)
from cardreader.cli.serving import NEXT_STEP, Reader, Station, card_of, meter_of, practice_office, put_on_card
from cardreader.files.access import KeyHolder
from cardreader.issuing.practice import HOLDERS, practice_signer
from cardreader.loading.contents import read_contents
from cardreader.loading.progress import total_of
from cardreader.readers.virtual import VirtualCard, read_reader
from protocols.arguments import read_name, read_payment
from protocols.documents import drafting
from protocols.documents.envelope import seal
from protocols.documents.kind_rule import Role
from protocols.documents.orders import ORDER_TYPE, write_document
from protocols.errors import InputError, RelanceError, quoted
from protocols.limits import TOP_UP_EUR_MAX, TOP_UP_EUR_MIN
from protocols.rim.clocks import checked_now_ms
from protocols.rim.terminal import Exit, warn
from protocols.units import QUANTA_PER_UEUR, UEUR_PER_EUR, eur_from_quanta

_ID_BYTES: Final = 4


def top_up_card(
    reader: Reader,
    eur: Annotated[str, typer.Option(metavar="EUR", help="The amount, such as 20.")],
    payment: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="Of the payment; the same id is the same payment."),
    ] = None,
    ledger: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Of this kiosk; default: the card's, with .ledger.")
    ] = None,
    station: Station = "kiosk",
    generation: Generation = 1,
    fleet_key: FleetKey = None,
    practice: Practice = PRACTICE_SEED,
    *,
    as_json: Json = False,
) -> int:
    """Take a payment for a card's meter, and put its statement onto the card; for practice.

    It is booked before the card is touched. Where the card went away meanwhile, the same command with the
    same --id makes it good. The card also takes the time that its meter has asked for. Ends with 1 for a card
    that belongs to no household.
    """
    amount_ueur = _amount(eur)
    name = read_name(payment or f"p-{secrets.token_hex(_ID_BYTES)}", "--id")
    station, now_ms, path = read_name(station, "--station"), checked_now_ms(), read_reader(reader, "--reader")
    office = practice_office(fleet_key, practice)
    with VirtualCard(path) as card, LedgerFile(ledger or Path(f"{path}.ledger")) as booked:
        session = open_session(card, KeyHolder.KIOSK, generation, office)
        found = read_contents(session)
        meter = meter_of(found)
        is_new = booked.book(PracticePayment(name, meter, amount_ueur), total_of(found, ISSUER))
        number, total_ueur = booked.ledger.of(meter)
        sheet = drafting.Sheet(
            f"{ISSUER}-{number}-{secrets.token_hex(_ID_BYTES)}", number, now_ms, "practice"
        )
        order = drafting.payment_statement(sheet, meter, ISSUER, number, total_ueur)
        signer = practice_signer(practice, HOLDERS[Role.PROTECT][0])
        document = seal(write_document(order), ORDER_TYPE, [signer])
        try:
            slot = put_on_card(session, found, document, station, practice, now_ms)
        except RelanceError:
            warn([f"payment {name} is booked, and not on the card: repeat the command with --id {name}"])
            raise
    told = {
        "card": card_of(found),
        "meter": meter,
        "payment": name,
        "amount_ueur": amount_ueur,
        "did": "written" if is_new else "repeated",
        "issuer": ISSUER,
        "number": number,
        "total_ueur": total_ueur,
        "slot": slot.name,
    }
    sentence = (
        f"payment {name}: {_eur(amount_ueur)} for meter {meter}, in all {_eur(total_ueur)}, on the card; "
        f"{NEXT_STEP}"
    )
    sys.stdout.write((msgspec.json.encode(told).decode() if as_json else sentence) + "\n")
    return Exit.DONE


def _amount(text: str) -> int:
    amount_ueur = read_payment(text)
    if not TOP_UP_EUR_MIN * UEUR_PER_EUR <= amount_ueur <= TOP_UP_EUR_MAX * UEUR_PER_EUR:
        raise InputError(f"--eur: {quoted(text)}; allowed: {TOP_UP_EUR_MIN} to {TOP_UP_EUR_MAX}")
    return amount_ueur


def _eur(ueur: int) -> str:
    return f"{eur_from_quanta(ueur * QUANTA_PER_UEUR)} €"
