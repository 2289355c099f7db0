"""`relance-kiosk topup`: a payment, from the ledger onto the card; for practice."""

import secrets
import sys
from collections.abc import Sequence
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
    office_key,
    warn_of_practice,
)
from cardreader.files.access import KeyHolder
from cardreader.files.identity import CardState
from cardreader.files.visits import Deed, Visit
from cardreader.host.session import HostSession
from cardreader.issuing.practice import HOLDERS, practice_answers, practice_signer
from cardreader.loading.contents import CardContents, read_contents
from cardreader.loading.loads import load
from cardreader.loading.progress import total_of
from cardreader.readers.virtual import VirtualCard, read_reader
from protocols.arguments import read_name, read_payment
from protocols.documents import drafting
from protocols.documents.envelope import seal
from protocols.documents.kind_rule import Role
from protocols.documents.orders import ORDER_TYPE, write_document
from protocols.errors import InputError, RefusedError, quoted
from protocols.limits import TOP_UP_EUR_MAX, TOP_UP_EUR_MIN
from protocols.rim.clocks import checked_now_ms
from protocols.rim.terminal import Exit
from protocols.units import QUANTA_PER_UEUR, UEUR_PER_EUR, eur_from_quanta

_ID_BYTES: Final = 4


def top_up_card(
    reader: Annotated[str, typer.Option(metavar="virtual:FILE", help="The card.")],
    eur: Annotated[str, typer.Option(metavar="EUR", help="The amount, such as 20.")],
    payment: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="Of the payment; the same id is the same payment."),
    ] = None,
    ledger: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Of this kiosk; default: the card's, with .ledger.")
    ] = None,
    station: Annotated[str, typer.Option(metavar="NAME", help="Who serves, for the card's log.")] = "kiosk",
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
    if fleet_key is not None:
        raise InputError("--fleet-key: no kiosk has an issuer's key of its own yet; allowed: --practice SEED")
    office, amount_ueur = office_key(None, practice), _amount(eur)
    name = read_name(payment or f"p-{secrets.token_hex(_ID_BYTES)}", "--id")
    station, now_ms, path = read_name(station, "--station"), checked_now_ms(), read_reader(reader, "--reader")
    warn_of_practice(office)
    with VirtualCard(path) as card, LedgerFile(ledger or Path(f"{path}.ledger")) as booked:
        session = open_session(card, KeyHolder.KIOSK, generation, office)
        found = read_contents(session)
        meter = _meter(found)
        is_new = booked.book(PracticePayment(name, meter, amount_ueur), total_of(found, ISSUER))
        number, total_ueur = booked.ledger.of(meter)
        sheet = drafting.Sheet(
            f"{ISSUER}-{number}-{secrets.token_hex(_ID_BYTES)}", number, now_ms, "practice"
        )
        order = drafting.payment_statement(sheet, meter, ISSUER, number, total_ueur)
        signer = practice_signer(practice, HOLDERS[Role.PROTECT][0])
        visit = Visit(KeyHolder.KIOSK, Deed.WRITTEN, now_ms, station)
        times = practice_answers(practice, found.asks.words, now_ms)
        slot = _put(session, found, [seal(write_document(order), ORDER_TYPE, [signer]), *times], visit)
    told = {
        "card": None if found.identity is None else found.identity.serial.hex(),
        "meter": meter,
        "payment": name,
        "amount_ueur": amount_ueur,
        "did": "written" if is_new else "repeated",
        "issuer": ISSUER,
        "number": number,
        "total_ueur": total_ueur,
        "slot": slot,
    }
    sentence = (
        f"payment {name}: {_eur(amount_ueur)} for meter {meter}, in all {_eur(total_ueur)}, on the card; "
        "put it into the meter, until it shows 9"
    )
    sys.stdout.write((msgspec.json.encode(told).decode() if as_json else sentence) + "\n")
    return Exit.DONE


def _amount(text: str) -> int:
    amount_ueur = read_payment(text)
    if not TOP_UP_EUR_MIN * UEUR_PER_EUR <= amount_ueur <= TOP_UP_EUR_MAX * UEUR_PER_EUR:
        raise InputError(f"--eur: {quoted(text)}; allowed: {TOP_UP_EUR_MIN} to {TOP_UP_EUR_MAX}")
    return amount_ueur


def _meter(found: CardContents) -> str:
    """Whose card it is. Raises RefusedError for one that belongs to nobody."""
    if found.pairing is None or found.pairing.state is not CardState.PAIRED:
        state = "unreadable" if found.pairing is None else found.pairing.state.name.lower()
        raise RefusedError(f"this card is {state}: no payment is taken for it")
    return found.pairing.meter


def _put(session: HostSession, found: CardContents, documents: Sequence[bytes], visit: Visit) -> str:
    """Writes the statement and what follows, and reads it back. Returns its slot.

    Raises RefusedError where it is not there.
    """
    statement = documents[0]
    # What lies there of this issuer is replaced, whatever total it says: the ledger knows better.
    plan = load(session, found.documents, documents, visit, lambda _document: False)
    slot = next((each for each, written in plan.writes.items() if written == statement), None)
    if slot is None or session.read(slot) != statement:
        why = plan.left_out[0].why if plan.left_out else "what was read back is not what was written"
        raise RefusedError(f"the payment is booked, and is not on the card: {why}; repeat it with its --id")
    return slot.name


def _eur(ueur: int) -> str:
    return f"{eur_from_quanta(ueur * QUANTA_PER_UEUR)} €"
