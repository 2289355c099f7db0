"""`relance refund`: money that is paid back out of a purse; two people sign."""

from typing import Annotated

import typer

from controller.faces.cli.face import Face
from controller.faces.cli.options import Meter
from controller.refunds.acts import PurseShort, purse_short, refund_out_of
from protocols.arguments import read_name, read_payment
from protocols.documents.kind_rule import Kind
from protocols.rim.terminal import warn
from protocols.words.en.amounts import eur
from protocols.words.en.times import local


def refund_one(
    face: Face,
    meter: Meter,
    *,
    amount_eur: Annotated[str, typer.Option("--eur", metavar="AMOUNT", help="In euro, such as 20.00.")],
) -> int:
    """Take money out of a purse that was paid back to the household in another way.

    Two different people must sign; this command signs first. A meter whose balance does not hold the amount
    refuses it (`out_of_range`), and never takes it later: a refund takes no purse below 0. The order names
    the total of all refunds of the meter, so that a repetition takes nothing. One refund of a meter waits at
    a time, for its second signature and for the meter's answer. Whoever drafts or signs one that the last
    report does not cover is warned.
    """
    read_name(meter, "METER")
    amount_ueur = read_payment(amount_eur)
    with face.acting(Kind.REFUND, (meter,)) as act:
        status = refund_out_of(act, meter, amount_ueur)
        short = purse_short(act.session, status.order)
    if short is not None:
        warn_of_purse(face, short)
    return face.show(status)


def warn_of_purse(face: Face, short: PurseShort) -> None:
    """Warn of a refund that the meter will refuse, as far as its last report says."""
    at = "" if short.reported_ms is None else f" of {local(short.reported_ms, face.zone)}"
    held = f"the purse of {short.meter} held {eur(short.balance_ueur)} EUR by its last report{at}"
    warn([f"{held}: it refuses to pay out {eur(short.amount_ueur)} EUR (out_of_range)"])
