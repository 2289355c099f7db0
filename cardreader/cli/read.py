"""`relance-kiosk read`: what lies on a card, what its meter has said, and which step is missing."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import msgspec
import typer

from cardreader.cli.desk import has_practised, kiosk_at_work, look
from cardreader.cli.opening import BlankCardError, naming_a_blank_card, open_session
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
from cardreader.explaining.rules import explain, explain_unserved, is_said_to
from cardreader.explaining.telling import ToldCard, spaced, tell
from cardreader.files.access import KeyHolder
from cardreader.files.identity import CardState
from cardreader.host.secure import NotOurCardError
from cardreader.loading.contents import CardContents, read_contents
from cardreader.loading.progress import UNREADABLE, CarriedDocument, progress_of
from cardreader.readers.opening import open_card
from protocols.arguments import check_choice
from protocols.cutting.zones import load_zone
from protocols.instants import iso_or_none
from protocols.languages.card_sentences import STEPS
from protocols.link.proofs import Proof
from protocols.reasons import Language
from protocols.rim.terminal import Exit
from protocols.units import QUANTA_PER_UEUR, eur_from_quanta

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
        str | None, typer.Option(help="Explain it to its household: fr, nl, de or en.")
    ] = None,
    zone: Annotated[str, typer.Option(metavar="ZONE", help="Of the clocks of the household.")] = ZONE,
    *,
    as_json: Json = False,
) -> int:
    """Say what lies on a card, what its meter has said, and which step is missing.

    Without --home it changes nothing; a kiosk with a home serves the card too, as `exchange` does. Whether
    the meter's words are its own is checked with the office's key, which no kiosk has: with --home it is not
    said. Ends with 1 for a card that is none of ours.
    """
    clocks, chosen = load_zone(zone, "--zone"), _language(language)
    office = None if home is not None else office_key(fleet_key, practice)
    try:
        found, latest = _found(reader, home, practice, generation, office)
    except BlankCardError:
        return _unopened(CardKind.VIRGIN, chosen, clocks, as_json=as_json)
    except NotOurCardError:
        _unopened(CardKind.FOREIGN, chosen, clocks, as_json=as_json)
        raise
    fields = card_told(found, office)
    meaning = explain(found, latest, is_forged=fields["said_proof"] == Proof.FORGED)
    told = tell(meaning, chosen or Language.ENGLISH, clocks)
    fields |= {"missing": meaning.step, "todo": todo_of(told)}
    if meaning.card is CardKind.REPLACED:
        fields["replaced_by"] = latest
    if as_json:
        fields["explained"] = explained(meaning, told)
        sys.stdout.write(msgspec.json.encode(fields).decode() + "\n")
    else:
        sys.stdout.write(_text(fields) if chosen is None else _explanation(told))
    return Exit.DONE


def _language(text: str | None) -> Language | None:
    check_choice(text, list(Language), "--language")
    return None if text is None else Language(text)


def _found(
    reader: str, home: Path | None, practice: str, generation: int | None, office: OfficeKey | None
) -> tuple[CardContents, int]:
    """What lies on the card, and the latest pairing epoch of its meter that is known here (0: none).

    A kiosk that has a store notes that it opened it, so that a void stays one.
    """
    with ExitStack() as stack:
        kept = home is not None or (
            office is not None and office.practice and has_practised(reader, practice)
        )
        if kept or office is None:
            kiosk = stack.enter_context(
                kiosk_at_work(home, practice, generation or 1, reader=reader, warn=False)
            )
            return look(kiosk, stack.enter_context(open_card(reader)))
        card = stack.enter_context(open_card(reader))
        with naming_a_blank_card(card):
            return read_contents(open_session(card, KeyHolder.KIOSK, generation, office)), 0


def _unopened(kind: CardKind, language: Language | None, clocks: ZoneInfo, *, as_json: bool) -> int:
    """A card whose files no kiosk can read: its household reads so, and a program gets the explanation."""
    meaning = explain_unserved(kind)
    told = tell(meaning, language or Language.ENGLISH, clocks)
    if as_json:
        fields: dict[str, Any] = {"state": kind, "missing": meaning.step, "todo": todo_of(told)}
        fields["explained"] = explained(meaning, told)
        sys.stdout.write(msgspec.json.encode(fields).decode() + "\n")
    elif language is not None or kind is CardKind.VIRGIN:
        sys.stdout.write(_explanation(told))
    return Exit.DONE


def todo_of(told: ToldCard) -> str:
    """The step that is missing, and what the clerk does about it."""
    steps = (each.text for each in told.facts if each.message in STEPS)
    return " ".join((*steps, *(each.text for each in told.clerk)))


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
        "said_proof": _said_proof(found, office),
        "documents": [each._asdict() for each in progress.documents],
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


def _said_proof(found: CardContents, office: OfficeKey | None) -> Proof | None:
    """Whether its meter has said the state to this very card; None: there is none, or nobody can tell.

    A true word that lies on another card than the one to which it was said is as good as forged.
    """
    if found.state.state is None or office is None:
        return None
    if not is_said_to(found):
        return Proof.FORGED
    return found.state.proof_of_fleet(office.generations)


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
    if each.kind == UNREADABLE:
        return f"{each.slot}: damaged: no meter can read it"
    if each.verdict is not None:
        return f"{each.object}{total}: {each.verdict}, {each.reason}"
    # A card carries a time of each authority: the keys tell them apart.
    by = f" by key {', '.join(each.by)}" if each.kind == _TIME else ""
    return f"{each.object or each.kind}{by}{total}: {'done' if each.is_done else 'not yet in the meter'}"


def _eur(ueur: int) -> str:
    return f"{eur_from_quanta(ueur * QUANTA_PER_UEUR)} €"
