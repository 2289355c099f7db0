"""`relance-kiosk read`: what lies on a card, what its meter has said, and which step is missing."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import msgspec
import typer

from cardreader.cli.desk import kiosk_at_work, look, store_beside
from cardreader.cli.opening import open_session
from cardreader.cli.options import (
    PRACTICE_SEED,
    AnyGeneration,
    FleetKey,
    Json,
    KioskHomeOption,
    OfficeKey,
    Practice,
    Reader,
    office_key,
)
from cardreader.explaining.explanation import CardKind, Explanation
from cardreader.explaining.rules import explain, explain_unserved
from cardreader.explaining.telling import ToldCard, spaced, tell
from cardreader.files.access import KeyHolder
from cardreader.files.identity import CardState
from cardreader.host.secure import NotOurCardError
from cardreader.loading.contents import CardContents, read_contents
from cardreader.loading.progress import CarriedDocument, StepMissing, progress_of
from cardreader.readers.opening import open_card
from protocols.cutting.zones import load_zone
from protocols.instants import iso_or_none
from protocols.link.proofs import Proof
from protocols.reasons import Language
from protocols.rim.terminal import Exit
from protocols.units import QUANTA_PER_UEUR, eur_from_quanta

_TODO: Final = {
    StepMissing.FIRST_VISIT: "put the card into the meter, until it shows 9",
    StepMissing.VISIT: "put the card into the meter again, until it shows 9",
    StepMissing.NONE: "nothing: the meter has read all that is on the card",
}
_REPLACED: Final = "nothing with this card: a later one was made in its place; use that one"
_VISITS_SHOWN: Final = 4
_TIME: Final = "time"
# Where the meters of the project hang.
ZONE: Final = "Europe/Brussels"


def read_card(
    reader: Reader,
    generation: AnyGeneration = None,
    fleet_key: FleetKey = None,
    practice: Practice = PRACTICE_SEED,
    home: KioskHomeOption = None,
    language: Annotated[
        Language | None, typer.Option(help="Explain it to its household, in this language.")
    ] = None,
    zone: Annotated[str, typer.Option(metavar="ZONE", help="Of the clocks of the household.")] = ZONE,
    *,
    as_json: Json = False,
) -> int:
    """Say what lies on a card, what its meter has said, and which step is missing.

    Without --home it changes nothing; a kiosk with a home serves the card too, as `exchange` does. Whether
    the meter's words are its own is checked with the office's key, which no kiosk has: with --home it is not
    said.
    """
    clocks = load_zone(zone, "--zone")
    office = None if home is not None else office_key(fleet_key, practice)
    try:
        found, latest = _found(reader, home, practice, generation, office)
    except NotOurCardError as error:
        return _foreign(error, language, clocks, as_json=as_json)
    meaning, fields = explain(found, latest), card_told(found, office)
    told = tell(meaning, language or Language.ENGLISH, clocks)
    if meaning.card is CardKind.REPLACED:
        fields |= {"replaced_by": latest, "todo": _REPLACED}
    if as_json:
        fields["explained"] = explained(meaning, told)
        sys.stdout.write(msgspec.json.encode(fields).decode() + "\n")
    else:
        sys.stdout.write(_text(fields) if language is None else _explanation(told))
    return Exit.DONE


def _found(
    reader: str, home: Path | None, practice: str, generation: int | None, office: OfficeKey | None
) -> tuple[CardContents, int]:
    """What lies on the card, and the latest pairing epoch of its meter that is known here (0: none).

    A kiosk that has a store notes that it opened it, so that a void stays one.
    """
    with ExitStack() as stack:
        kept = home is not None or (office is not None and office.practice and store_beside(reader).exists())
        if kept or office is None:
            kiosk = stack.enter_context(
                kiosk_at_work(home, practice, generation or 1, reader=reader, warn=False)
            )
            return look(kiosk, stack.enter_context(open_card(reader)))
        card = stack.enter_context(open_card(reader))
        return read_contents(open_session(card, KeyHolder.KIOSK, generation, office)), 0


def _foreign(error: NotOurCardError, language: Language | None, clocks: ZoneInfo, *, as_json: bool) -> int:
    """A card that is none of ours: its household reads so, and a program gets the explanation."""
    foreign = explain_unserved(CardKind.FOREIGN)
    told = tell(foreign, language or Language.ENGLISH, clocks)
    if as_json:
        sys.stdout.write(msgspec.json.encode({"explained": explained(foreign, told)}).decode() + "\n")
    elif language is not None:
        sys.stdout.write(_explanation(told))
    raise error


def explained(meaning: Explanation, told: ToldCard) -> dict[str, Any]:
    """What a card means, as values and in words."""
    return {
        "card": meaning.card,
        "code": meaning.code,
        "supply": meaning.supply,
        "clock": meaning.clock,
        "step": meaning.step,
        "balance_ueur": meaning.balance_ueur,
        "waiting_ueur": meaning.waiting_ueur,
        "call_code": told.code,
        "language": told.language,
        "facts": [each._asdict() for each in told.facts],
        "household": [each._asdict() for each in told.household],
        "clerk": [each._asdict() for each in told.clerk],
    }


def _explanation(told: ToldCard) -> str:
    steps = [f"{number}. {each.text}" for number, each in enumerate(told.household, 1)]
    lines = (*(each.text for each in told.facts), *steps, *(each.text for each in told.clerk))
    return "\n".join((*lines, spaced(told.code))) + "\n"


def card_told(found: CardContents, office: OfficeKey | None) -> dict[str, Any]:
    """A card as values, for people and programs."""
    pairing, identity = found.pairing, found.identity
    progress, state = progress_of(found), found.state.state
    return {
        "card": None if identity is None else identity.serial.hex(),
        "energy": None if identity is None else identity.energy,
        "state": None if pairing is None else pairing.state.name.lower(),
        "meter": None if pairing is None else pairing.meter,
        "epoch": None if pairing is None else pairing.epoch,
        "reference": None if pairing is None else pairing.reference,
        "said": None if state is None else msgspec.to_builtins(state),
        "said_proof": None
        if state is None or office is None
        else found.state.proof_of_fleet(office.generations),
        "documents": [each._asdict() for each in progress.documents],
        "missing": progress.missing,
        "todo": _TODO[progress.missing],
        "visits": [
            {
                "who": each.who.name.lower(),
                "deed": each.deed.name.lower(),
                "at": iso_or_none(each.at_ms) if each.at_ms else None,
                "station": each.station,
            }
            for each in found.visits
        ],
        "problems": list(found.problems),
    }


def _text(fields: dict[str, Any]) -> str:
    if fields["state"] != CardState.PAIRED.name.lower():
        return f"card {fields['card']}: {fields['state']}: it belongs to no household\n"
    lines = [f"card {fields['card']} of meter {fields['meter']}, pairing epoch {fields['epoch']}"]
    lines.append(f"  the meter: {_said_text(fields)}")
    lines += [f"  {_document_text(CarriedDocument(**each))}" for each in fields["documents"]]
    for each in fields["visits"][:_VISITS_SHOWN]:
        lines.append(f"  log: {each['deed']} by {each['station'] or each['who']}, {each['at'] or 'no time'}")
    lines += [f"  cannot be read: {each}" for each in fields["problems"]]
    lines.append(f"  to do: {fields['todo']}")
    return "\n".join(lines) + "\n"


def _said_text(fields: dict[str, Any]) -> str:
    said = fields["said"]
    if said is None:
        return "it has never read this card"
    proof = fields["said_proof"]
    doubt = "" if proof in (None, Proof.AUTHENTIC) else f" ({proof})"
    when = iso_or_none(said["time_ms"])
    return f"supply {said['supply']}, {_eur(said['balance_ueur'])}, clock {said['clock']}, on {when}{doubt}"


def _document_text(each: CarriedDocument) -> str:
    total = "" if each.total_ueur is None else f", in all {_eur(each.total_ueur)}"
    if each.verdict is not None:
        return f"{each.object}{total}: {each.verdict}, {each.reason}"
    # A card carries a time of each authority: the keys tell them apart.
    by = f" by key {', '.join(each.by)}" if each.kind == _TIME else ""
    return f"{each.object or each.kind}{by}{total}: {'done' if each.is_done else 'not yet in the meter'}"


def _eur(ueur: int) -> str:
    return f"{eur_from_quanta(ueur * QUANTA_PER_UEUR)} €"
