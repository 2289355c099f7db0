"""`relance reactivation remind|send|bounce`: reminders planned, sent, and what came back."""

import os
import sys
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer
from msgspec import to_builtins
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from controller.faces.cli import reactivation as reactivation_face
from controller.faces.cli.face import Face
from controller.faces.cli.reactivation import Name
from controller.faces.cli.showing import print_json, print_lines
from controller.faces.cli.verbs import NAMED, verb
from controller.orders.acting import acting
from controller.reactivation.acts import (
    Planned,
    bounced_by_hand,
    bounced_mail,
    plan_reminders,
    take_back_bounces,
)
from controller.reactivation.drop_folder import PDF_MISSING, pdf_is_possible
from controller.reactivation.gone_log import FILE_NAME
from controller.reactivation.mail import CameBack, Mailer, read_address, read_bounce, read_server
from controller.reactivation.outbox import SendingDesk, Sent, due, send
from controller.reactivation.rules import MEANS_IN_TURN, Means
from protocols.arguments import check_choice, read_name
from protocols.documents.kind_rule import Role
from protocols.errors import InputError, quoted
from protocols.limits import TEXT_CHARS_MAX
from protocols.rim.terminal import Exit, line_of, warn
from protocols.words.en.times import local_in_words

# These verbs stand beside the others of `relance reactivation`.
app = reactivation_face.app

_SENDER_DEFAULT: Final = "relance@localhost.localdomain"
_REASONS_SHOWN: Final = 3
Wave = Annotated[
    str, typer.Option(metavar="WAVE", help="Its name, such as first; the same again adds nobody.")
]


@verb(
    app,
    "remind",
    "reactivation remind june-2020 --wave first",
    "reactivation remind june-2020 --wave letters --by letter --as anna",
    shares=NAMED,
)
def remind(
    face: Face,
    name: Name,
    *,
    wave: Wave,
    means: Annotated[
        list[str] | None,
        typer.Option("--by", metavar="MEANS", help="Only email, sms or letter; may be given again."),
    ] = None,
) -> int:
    """Plan a wave of reminders: one to each household that is not done, by mail, else SMS, else letter.

    The same wave again adds nobody twice: it goes on where it was interrupted, and where a mail came back it
    takes the next means. A thousand households are planned in one transaction.
    """
    read_name(name, "NAME")
    read_name(wave, "--wave")
    for each in means or []:
        check_choice(each, Means, "--by")
    wanted = [each for each in MEANS_IN_TURN if means is None or each in means]
    actor = face.actor(Role.PROTECT)
    office = face.office
    total, after = Planned(), ""
    with _bar(quiet=face.as_json) as bar:
        task = bar.add_task("planning", total=None)
        while True:
            with acting(office.store, office.root, actor, face.now_ms(), here=face.here()) as act:
                found = plan_reminders(act, name, wave, wanted, after)
            total = _added(total, found)
            bar.advance(task, found.planned)
            if found.after is None:
                break
            after = found.after
    _warn_of_our_clock_alone(face)
    if face.as_json:
        fields = to_builtins(total)
        del fields["after"]
        print_json({"name": name, "wave": wave, **fields})
    else:
        planned = "1 reminder is" if total.planned == 1 else f"{total.planned} reminders are"
        print_lines(
            f"{planned} planned. Of the others {total.before} have theirs, {total.done} are done and"
            f" {total.left} have left."
        )
        if total.unreachable:
            print_lines(
                f"{total.unreachable} cannot be written to so: `relance reactivation visit {name}` has their"
                " doors."
            )
    return Exit.DONE if total.planned + total.before else Exit.NO


@verb(
    app,
    "send",
    "reactivation send june-2020 --smtp smtp://127.0.0.1:25 --from info@example.be",
    "reactivation send june-2020 --drop /srv/post --json",
    shares=NAMED,
)
def send_due(
    face: Face,
    name: Name,
    *,
    smtp: Annotated[
        str | None, typer.Option(metavar="URL", help="smtp://HOST:PORT or smtps://…; else RELANCE_SMTP.")
    ] = None,
    sender: Annotated[
        str | None,
        typer.Option("--from", metavar="ADDRESS", help="Mail comes from it; else RELANCE_MAIL_FROM."),
    ] = None,
    drop: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Text messages and letters, as files; else HOME/post.")
    ] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Letters as PDF too; needs relance[pdf].")] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Also those that may have gone before, and nobody knows.")
    ] = False,
) -> int:
    """Send the reminders that are due, each once at most, and none by night or after the step is done.

    Mail goes to a server, text messages and letters into the drop folder. Nothing is sent while the service
    doubts its clock. RELANCE_SMTP_PASSWORD opens the server where the URL names a user. Ends with 3 where the
    server is away or refuses more than one mailbox: nothing is lost then, and the same command goes on.
    """
    read_name(name, "NAME")
    server = smtp or os.environ.get("RELANCE_SMTP")
    read = (
        None if server is None else read_server(server, os.environ.get("RELANCE_SMTP_PASSWORD", ""), "--smtp")
    )
    address = read_address(sender or os.environ.get("RELANCE_MAIL_FROM") or _SENDER_DEFAULT, "--from")
    if read is not None and address == _SENDER_DEFAULT:
        raise InputError("--from: missing; allowed: the address that mail comes from, or RELANCE_MAIL_FROM")
    actor = face.actor(Role.PROTECT)
    if pdf and not pdf_is_possible():
        warn([PDF_MISSING])
    mailer = None if read is None else Mailer(read, address)
    desk = SendingDesk(
        store=face.office.store,
        root=face.office.root,
        actor=actor,
        clock=lambda: (face.now_ms(), face.here()),
        drop=drop or face.office.settings.home / "post",
        log=face.office.settings.home / FILE_NAME,
        mailer=mailer,
        pdf=pdf,
    )
    waiting = sum(due(desk.store, name).planned.values())
    with _bar(quiet=face.as_json) as bar:
        task = bar.add_task("sending", total=waiting)
        try:
            sent = send(desk, name, lambda count: bar.advance(task, count), again=again)
        finally:
            if mailer is not None:
                mailer.close()
    left = due(desk.store, name)
    _warn_of_our_clock_alone(face)
    if face.as_json:
        waits = sum(left.planned.values())
        print_json({"name": name, **to_builtins(sent), "waiting": waits, "doubtful": left.unknown})
    else:
        print_lines(*_sent_in_words(sent, sum(left.planned.values()), left.unknown, face.zone))
    return Exit.DONE if sent.sent or not waiting else Exit.NO


@verb(
    app,
    "bounce",
    "reactivation bounce june-2020 returned-1.eml returned-2.eml",
    "reactivation bounce june-2020 --meter m00042 --by letter --reason 'moved, no address'",
    "reactivation bounce june-2020 --undo --by email",
    shares=NAMED,
)
def bounce(
    face: Face,
    name: Name,
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE.eml...]", help="Mails that say what came back.")
    ] = None,
    *,
    meter: Annotated[
        str | None, typer.Option(metavar="METER", help="Without a file: whose came back, by meter or EAN.")
    ] = None,
    means: Annotated[str | None, typer.Option("--by", metavar="MEANS", help="email, sms or letter.")] = None,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="What is written on it.")] = "",
    undo: Annotated[
        bool, typer.Option("--undo", help="Take back: those of --meter, or all that a server refused.")
    ] = False,
) -> int:
    """Record reminders that came back: by the mails of a mail server (RFC 3464), or one by hand.

    Such a household does not count as reached any more, and the same wave again takes the next means. All
    files are read before any is recorded. A mail that is only late so far is told, and changes nothing.

    `--undo` with `--by` takes bounces back, and the addresses are used again: those of one household, or
    without `--meter` all that a mail server refused before anything had left.
    """
    read_name(name, "NAME")
    if undo:
        return _take_back(face, name, meter, means, files=bool(files))
    if bool(files) == (meter is not None) or (meter is not None and means is None):
        raise InputError("bounce: allowed: files, or --meter with --by; one of them")
    check_choice(means, Means, "--by")
    if len(reason) > TEXT_CHARS_MAX or not reason.isprintable():
        raise InputError(
            f"--reason: {quoted(reason)}; allowed: up to {TEXT_CHARS_MAX} characters on one line"
        )
    read = [_came_back(file) for file in files or []]
    new = 0
    with face.acting_as(Role.PROTECT) as act:
        if meter is not None and means is not None:
            new = int(bounced_by_hand(act, name, read_name(meter, "--meter"), Means(means), reason))
        for each in read:
            if each.final and bounced_mail(act, name, each.message_id, each.reason) is not None:
                new += 1
    late = sum(not each.final for each in read)
    if face.as_json:
        print_json({"name": name, "bounced": new, "late": late})
    else:
        known = max(1, len(read)) - new - late
        print_lines(f"{new} came back; {known} were known before; {late} are only late so far.")
    return Exit.DONE


def _take_back(face: Face, name: str, meter: str | None, means: str | None, *, files: bool) -> int:
    if files or means is None:
        raise InputError("bounce --undo: allowed: --by, and --meter for one household; no files")
    check_choice(means, Means, "--by")
    household = None if meter is None else read_name(meter, "--meter")
    with face.acting_as(Role.PROTECT) as act:
        count = take_back_bounces(act, name, Means(means), household)
    if face.as_json:
        print_json({"name": name, "taken_back": count})
    else:
        bounces = "1 bounce is" if count == 1 else f"{count} bounces are"
        print_lines(
            f"{bounces} taken back. What has never left, `relance reactivation remind {name} --wave W` plans"
            " again."
        )
    return Exit.DONE if count else Exit.NO


def _warn_of_our_clock_alone(face: Face) -> None:
    """Where no service has ever run no other clock is asked: a person must look at this one."""
    if face.clock.written is None:
        now = local_in_words(face.now_ms(), face.zone)
        warn([f"no service has ever said what time it is: by this machine's clock alone it is {now}"])


def _came_back(file: Path) -> CameBack:
    try:
        return read_bounce(file.read_bytes(), str(file))
    except OSError as error:
        raise InputError(line_of(error)) from None


def _added(total: Planned, more: Planned) -> Planned:
    return Planned(
        planned=total.planned + more.planned,
        before=total.before + more.before,
        done=total.done + more.done,
        left=total.left + more.left,
        unreachable=total.unreachable + more.unreachable,
    )


def _sent_in_words(sent: Sent, waiting: int, doubtful: int, zone: ZoneInfo) -> list[str]:
    gone = f"{sent.sent} sent, {sent.bounced} refused for good, {sent.dropped} not needed any more"
    rest = "wait"
    if sent.closed:
        rest = "stay, since the reactivation was closed meanwhile"
    lines = [f"{gone}; {waiting} {rest}."]
    if sent.reasons:
        often = sorted(sent.reasons.items(), key=lambda each: -each[1])[:_REASONS_SHOWN]
        lines.append(f"Refused for good: {', '.join(f'{words} ({count})' for words, count in often)}.")
    if waiting and sent.waits_until_ms is not None:
        why = "It is night there: nothing leaves from 20:00 to 8:00. " if sent.night else ""
        lines.append(f"{why}The first of them may leave from {local_in_words(sent.waits_until_ms, zone)} on.")
    if doubtful:
        were = "1 reminder" if doubtful == 1 else f"{doubtful} reminders"
        lines.append(
            f"{were} may have gone, and nobody knows: look for their Message-ID in the mail server's log;"
            " --again sends them once more."
        )
    return lines


def _bar(*, quiet: bool) -> Progress:
    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal)
