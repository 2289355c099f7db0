"""`relance audit`: who did what, in a chain of hashes that shows changes made afterwards."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import typer
from msgspec import to_builtins

from controller.faces.cli.face import Face
from controller.faces.cli.options import Wide
from controller.faces.cli.showing import instants, moment, print_json, print_lines, print_table
from controller.faces.cli.verbs import PLAIN, verb
from controller.office.audit import head_of, recent, verify_audit
from controller.office.losses import FoundLoss, found_losses
from controller.office.root_store import holders_of_keys
from controller.payments.rules import PurseFault, PurseFinding
from controller.payments.store import verify_ledger, verify_purses
from controller.refunds.verifying import RefundFinding, verify_refunds
from controller.restores.home import loss_not_recorded
from protocols.chain import Head
from protocols.documents.orders import keyid_named_by
from protocols.errors import InputError, RefusedError, quoted
from protocols.rim.terminal import Exit, warn
from protocols.units import QUANTA_PER_UEUR, eur_from_quanta
from protocols.words.en.losses import loss_in_words
from protocols.words.en.orders import object_in_words

app = typer.Typer(no_args_is_help=True, help="Verify and read the audit.")

_HASH_BYTES = 32
_PURSE: Final = {
    PurseFault.BALANCE: "the balance is not what its account adds up to",
    PurseFault.REGISTERS: "its registers were charged more than the whole account",
    PurseFault.DEBT: "the debt is not what was put on it less what payments brought",
    PurseFault.EMERGENCY: "the emergency credit owed is not what was lent and repaid",
    PurseFault.LEDGER: "it credited other payments than the ledger holds",
}


@verb(app, "verify", "audit verify", "audit verify --head 128:9f86d0… --json", shares=PLAIN)
def verify(
    face: Face,
    *,
    head: Annotated[
        str | None,
        typer.Option(metavar="N:HASH", help="A head noted elsewhere: shows whether entries are missing."),
    ] = None,
) -> int:
    """Check the chain of the audit, the ledger and the purses. Ends with 1 where one is broken.

    A store that was restored from a backup has lost entries: it ends with 1 too, until a --head is given that
    was noted since. The service's mark in the home and on the broker shows that.

    A meter reports what went in and out of its purse: its balance is computed from that again, to the
    quantum, and what it credited is compared with the ledger, and what it paid back with the refunds.
    """
    noted = None if head is None else _head(head)
    with face.office.reading() as session:
        broken = verify_audit(session, noted)
        end = head_of(session)
        discrepancies = verify_ledger(session)
        purses = verify_purses(session)
        refunds = verify_refunds(session)
        lost = found_losses(session, 0 if noted is None else noted.number)
    try:
        new = loss_not_recorded(face.office)
    except InputError as error:
        # A mark that is gone hides as much: the audit is checked all the same.
        warn([str(error)])
        new = None
    if new is not None:
        lost.append(FoundLoss(after=new.after, entries=new.entries, found_at=0))
    whole = broken is None and not discrepancies and not purses and not refunds and not lost
    if face.as_json:
        print_json(
            {
                "whole": whole,
                "entries": end.number,
                "head": _shown(end),
                "broken_at": broken,
                "lost": [to_builtins(each) for each in lost],
                "ledger_discrepancies": discrepancies,
                "purse_discrepancies": [_finding_fields(each) for each in purses],
                "refund_discrepancies": [_refund_fields(each) for each in refunds],
            }
        )
        return Exit.DONE if whole else Exit.NO
    if broken is not None:
        raise RefusedError(f"audit: broken at entry {broken} of {end.number}: not what was written then")
    if lost:
        raise RefusedError(_lost_in_words(lost, end))
    if discrepancies:
        raise RefusedError(f"ledger: {discrepancies[0]}")
    if purses:
        raise RefusedError("; ".join(map(_in_english, purses)))
    if refunds:
        raise RefusedError("; ".join(map(_refund_in_english, refunds)))
    print_lines(
        f"The audit is whole: {end.number} entries; the ledger and the purses add up.",
        f"Its head is {_shown(end)}; noted elsewhere, it shows later whether entries are missing.",
    )
    return Exit.DONE


@verb(app, "list", "audit list", "audit list --limit 200 --before 1000 --json")
def list_acts(
    face: Face,
    *,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=10_000, help="The last N acts.")] = 50,
    before: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Only acts numbered below this.")
    ] = None,
    wide: Wide = False,
) -> int:
    """List the acts of people and of the service, the latest first."""
    zone = face.zone
    with face.office.reading() as session:
        entries = recent(session, limit, before=before)
        holders = holders_of_keys(session, face.office.root)
    # The chain has no gaps: the number says how many are older.
    more = entries[-1].number - 1 if entries else 0
    if face.as_json:
        acts = [
            {
                "number": entry.number,
                "actor": entry.act.actor,
                "act": entry.act.act,
                "subject": entry.act.subject,
                "detail": entry.act.detail,
                **instants(at=entry.act.at_ms),
            }
            for entry in entries
        ]
        print_json({"acts": acts, "more": more, "before": entries[-1].number if more else None})
        return Exit.DONE
    rows = [
        (
            str(entry.number),
            moment(entry.act.at_ms, zone, wide=wide),
            entry.act.actor,
            entry.act.act,
            entry.act.subject,
            _detail_in_words(entry.act.detail, holders),
        )
        for entry in entries
    ]
    print_table("", ("no.", "at", "who", "did", "to", "detail"), rows, wraps=("to", "detail"))
    if more:
        print_lines(f"and {more} older: add --before {entries[-1].number}, or --limit N")
    return Exit.DONE


def _lost_in_words(lost: Sequence[FoundLoss], end: Head) -> str:
    """The losses, and how a person says that they know of them."""
    told = [loss_in_words(each.after, each.entries) for each in lost]
    known = f"`relance audit verify --head {_shown(end)}` takes that as known"
    return "; ".join([*told, known] if all(each.found_at for each in lost) else told)


def _detail_in_words(detail: Mapping[str, object], holders: Mapping[str, str]) -> str:
    """What an act says of itself. `holders`: by keyid, who is named in the place of a key."""
    shown = {name: value for name, value in detail.items() if value is not None}
    named = str(shown.get("object", ""))
    if (keyid := keyid_named_by(named)) is not None:
        shown["object"] = object_in_words(named, holders.get(keyid, ""))
    return ", ".join(f"{name} {value}" for name, value in shown.items())


def _finding_fields(finding: PurseFinding) -> dict[str, object]:
    return {
        "meter": finding.meter,
        "fault": finding.fault.value,
        # As strings: JSON readers lose integers beyond 2**53.
        "expected_q": str(finding.expected_q),
        "found_q": str(finding.found_q),
    }


def _in_english(finding: PurseFinding) -> str:
    """One sentence for one fault of a purse."""
    expected, found = (eur_from_quanta(q, 6) for q in (finding.expected_q, finding.found_q))
    off_q = finding.found_q - finding.expected_q
    if abs(off_q) < QUANTA_PER_UEUR:
        off = "less than a millionth of a euro apart"
    else:
        off = f"{eur_from_quanta(abs(off_q), 6)} € too {'much' if off_q > 0 else 'little'}"
    amounts = f"{found} € in place of {expected} €, {off}"
    return f"purse of {finding.meter}: {_PURSE[finding.fault]}: {amounts}"


def _refund_fields(finding: RefundFinding) -> dict[str, object]:
    return {name: getattr(finding, name) for name in finding.__struct_fields__}


def _refund_in_english(finding: RefundFinding) -> str:
    """One sentence for a purse that paid back other than was ordered."""
    found, least, most = (
        eur_from_quanta(ueur * QUANTA_PER_UEUR)
        for ueur in (finding.refunded_ueur, finding.taken_ueur, finding.ordered_ueur)
    )
    return (
        f"purse of {finding.meter}: it paid back {found} €; it has confirmed {least} €, and {most} € are "
        "ordered; after a restored backup the next refund counts on from what it paid back"
    )


def _shown(head: Head) -> str:
    return f"{head.number}:{head.hash.hex()}"


def _head(text: str) -> Head:
    number, colon, digest = text.partition(":")
    try:
        head = Head(int(number), bytes.fromhex(digest))
    except ValueError:
        head = Head(-1, b"")
    if not colon or head.number < 0 or len(head.hash) != _HASH_BYTES:
        raise InputError(f"--head: {quoted(text)}; allowed: N:HASH, as `relance audit verify` prints it")
    return head
