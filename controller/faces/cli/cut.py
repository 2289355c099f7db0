"""`relance cut`: a planned cut of named meters; two people order it, one cancels it."""

from typing import Annotated

import typer

from controller.cuts.acts import cancel, order_cut
from controller.cuts.views import meters_not_cut
from controller.faces.cli.face import Face
from controller.faces.cli.options import Meters, Since
from controller.faces.cli.order_status import not_cut_fields
from controller.faces.cli.unreached import warn_of_unreached
from controller.faces.cli.verbs import ACTING, verb
from controller.meters.registry import check_known
from protocols.arguments import read_name, read_names, read_span
from protocols.cutting.planning import check_plan
from protocols.documents.kind_rule import Kind
from protocols.errors import InputError
from protocols.limits import SCOPE_METERS_MAX
from protocols.rim.terminal import warn
from protocols.spans import Span, Window
from protocols.words.en.hindrances import not_cut_in_words
from protocols.words.en.plans import findings_in_words

app = typer.Typer(no_args_is_help=True, help="Order and cancel planned cuts.")

Name = Annotated[str, typer.Option("--name", metavar="NAME", help="The cut's name, to cancel it by.")]


@verb(
    app,
    "order",
    "cut order m00042 m00043 --name debts --from 2026-07-06T10:00+02:00 --until 2026-07-06T14:00+02:00",
    "orders sign o000011 --as bert",
    shares=ACTING,
)
def order_one(
    face: Face,
    meters: Meters,
    *,
    name: Name,
    until: Annotated[str, typer.Option(metavar="T", help="The cut happens before this instant.")],
    since: Since = None,
) -> int:
    """Order a cut of these meters, inside this interval and inside their cut calendar.

    Two different people must sign; this command signs first. A dangerous plan is refused with its reasons: on
    a Friday evening, before a weekend or holiday, outside office hours, more than the offices can serve.
    """
    span_ms = read_span(since, until, face.issue_ms())
    read_name(name, "--name")
    addressed = _addressed(meters)
    warn(findings_in_words(check_plan(f"cut/{name}", [Window(*span_ms)], meters=len(addressed))))
    with face.office.reading() as session:
        check_known(session, addressed)
        groups = meters_not_cut(session, addressed, Span(*span_ms), face.now_ms())
    warn(not_cut_in_words(groups, face.zone))
    unreached = warn_of_unreached(face, addressed)
    with face.acting(Kind.CUT_ORDER, addressed) as act:
        status = order_cut(act, name, addressed, span_ms)
    return face.show(status, more=not_cut_fields(groups) | unreached)


@verb(app, "cancel", "cut cancel m00042 m00043 --name debts", shares=ACTING)
def cancel_one(face: Face, meters: Meters, *, name: Name) -> int:
    """Cancel a planned cut for these meters, whether they have received it or not. One person is enough."""
    read_name(name, "--name")
    addressed = _addressed(meters)
    with face.acting(Kind.CANCEL_CUT, addressed) as act:
        status = cancel(act, name, addressed)
    return face.show(status)


def _addressed(meters: list[str]) -> tuple[str, ...]:
    addressed = read_names(meters, "METER")
    if len(addressed) > SCOPE_METERS_MAX:
        raise InputError(f"METER: {len(addressed)} given; allowed: 1 to {SCOPE_METERS_MAX}, in one order")
    return addressed
