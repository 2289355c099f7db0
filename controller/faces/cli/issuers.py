"""`relance issuers`: whose key signs statements of payments, and how much it may credit a day."""

from typing import Annotated, Any

import typer

from controller.faces.cli.face import Face
from controller.faces.cli.showing import print_json, print_lines
from controller.faces.cli.verbs import NAMED, READING, verb
from controller.issuers import acts
from controller.issuers.acts import IssuersProposal
from controller.office.founding import MACHINES_TOGETHER, issuer_key_name
from controller.office.issuers_store import issuers_in_force, proposed_issuers
from controller.office.issuing import CONTROLLER
from controller.office.keys import create_key, holders_in, load_signer
from controller.office.root_file import replace_sealed
from protocols.documents.issuers import Issuers
from protocols.documents.kind_rule import Role
from protocols.errors import InputError, quoted
from protocols.rim.passphrases import ask_passphrase
from protocols.rim.terminal import Exit
from protocols.units import QUANTA_PER_UEUR, eur_from_quanta, ueur_from_eur
from protocols.words.en.amounts import eur

app = typer.Typer(no_args_is_help=True, help="Say whose key signs payments, and how much a day.")


@verb(app, "show", "issuers show", "issuers show --json", shares=READING)
def show_issuers(face: Face) -> int:
    """Show the issuers in force, and those that wait for a signature. Ends with 1 where none are in force."""
    with face.office.reading() as session:
        now, waiting = issuers_in_force(session), proposed_issuers(session)
    if face.as_json:
        print_json(
            {
                "issuers": None if now is None else _fields(now.issuers),
                "proposed": None
                if waiting is None
                else _fields(waiting.issuers) | {"code": acts.code_of(waiting.envelope)},
            }
        )
        return Exit.NO if now is None else Exit.DONE
    if now is None:
        print_lines(
            "No issuers are in force: a person's key signs payments. `relance issuers propose` begins."
        )
    else:
        print_lines(*_in_words(now.issuers))
    if waiting is not None:
        print_lines("Proposed, and waiting for a signature:", *_in_words(waiting.issuers))
        print_lines(f"To sign exactly that: {_command(acts.code_of(waiting.envelope))}")
    return Exit.NO if now is None else Exit.DONE


@verb(
    app,
    "propose",
    "issuers propose --new-epoch --as anna",
    "issuers propose --allowance controller=800 --as anna",
    "issuers propose --close namur-1 --as anna",
    shares=NAMED,
)
def propose_issuers(
    face: Face,
    *,
    new_epoch: Annotated[
        bool,
        typer.Option("--new-epoch", help="A new key and epoch of the controller: the old key is stolen."),
    ] = False,
    allowance: Annotated[
        list[str] | None, typer.Option(metavar="NAME=EUR", help="What an issuer may credit a day.")
    ] = None,
    close: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="An issuer that signs no more: of a kiosk.")
    ] = None,
) -> int:
    """Propose the next issuers: a second person signs them (`issuers sign`).

    A new epoch closes the one before at every meter: nothing that its key has signed is credited any more.
    The service sends anew what it never credited. In a home of before, the first proposal makes the key.
    """
    amounts = dict(_allowance(text) for text in allowance or [])
    with face.office.reading() as session:
        now = issuers_in_force(session)
        epoch = acts.controllers_next_epoch(session)
    known = None if now is None else now.issuers.of(CONTROLLER)
    keys = {}
    if new_epoch or known is None:
        keys[CONTROLLER] = _key(face, epoch)
    with face.acting_as(Role.HARM) as act:
        done = acts.propose_issuers(act, keys, amounts, close or ())
    return _show(face, done)


@verb(app, "sign", "issuers show", "issuers sign --code 5f0c2b9a41d7e836 --as bert", shares=NAMED)
def sign_issuers(
    face: Face,
    *,
    code: Annotated[str, typer.Option(metavar="CODE", help="Of the document, as `issuers show` has it.")],
) -> int:
    """Sign the proposed issuers as a second person, who names the document by its code.

    So nobody signs another proposal unseen that has come in the place of the one that was talked about.
    """
    with face.acting_as(Role.HARM) as act:
        done = acts.sign_issuers(act, code)
    return _show(face, done)


def _command(code: str) -> str:
    return f"relance issuers sign --code {code}"


def _key(face: Face, epoch: int) -> str:
    """The public key of the controller's issuer in an epoch, as hex; made where it is not there yet."""
    folder, name = face.office.settings.keys, issuer_key_name(epoch)
    passphrase = ask_passphrase(MACHINES_TOGETHER)
    known = name in holders_in(folder)
    signer = load_signer(folder, name, passphrase) if known else create_key(folder, name, passphrase)
    return signer.public.hex()


def _allowance(text: str) -> tuple[str, int]:
    name, given, amount = text.partition("=")
    try:
        if given:
            return name, ueur_from_eur(amount)
    except ValueError:
        pass  # said below, with what is allowed
    raise InputError(f"--allowance: {quoted(text)}; allowed: NAME=EUR, such as controller=500")


def _show(face: Face, done: IssuersProposal) -> int:
    if done.in_force:
        replace_sealed(face.office.settings.issuers, done.envelope)
    if face.as_json:
        print_json(_fields(done.issuers) | {"in_force": done.in_force, "code": done.code})
        return Exit.DONE
    print_lines(*_in_words(done.issuers))
    if done.in_force:
        print_lines("They are in force here, and the service sends them to every meter.")
    else:
        print_lines(f"They wait for a second person: {_command(done.code)}.")
    return Exit.DONE


def _in_words(issuers: Issuers) -> list[str]:
    told = [
        f"  {each.name}, epoch {each.epoch}: {eur(each.allowance_ueur_per_day)} EUR a day"
        for each in issuers.issuers
    ]
    return [f"Issuers {issuers.version}:", *told]


def _fields(issuers: Issuers) -> dict[str, Any]:
    listed = [
        {
            "name": each.name,
            "epoch": each.epoch,
            "keyid": each.keyid,
            "allowance_ueur_per_day": each.allowance_ueur_per_day,
            "allowance_eur_per_day": eur_from_quanta(each.allowance_ueur_per_day * QUANTA_PER_UEUR),
        }
        for each in issuers.issuers
    ]
    return {"version": issuers.version, "issuers": listed}
