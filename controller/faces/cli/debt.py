"""`relance debt`: a debt on a meter, and the share of each payment that brings it back; two people set it."""

from typing import Annotated

import typer

from controller.debts.acts import set_debt
from controller.faces.cli.face import Face
from controller.faces.cli.options import Meter
from controller.faces.cli.verbs import ACTING, verb
from protocols.arguments import read_cap, read_name
from protocols.documents.bodies import DebtBody
from protocols.documents.kind_rule import Kind
from protocols.limits import DEBT_DAYS_MAX, DEBT_UEUR_MAX

app = typer.Typer(no_args_is_help=True, help="Put a debt on a meter, and say how payments bring it back.")


@verb(
    app,
    "set",
    "debt set m00042 --eur 120.00 --share 350 --period-cap 5.00 --period-days 7 --as anna",
    "orders sign o000012 --as bert",
    shares=ACTING,
)
def set_one(
    face: Face,
    meter: Meter,
    *,
    total_eur: Annotated[
        str, typer.Option("--eur", metavar="EUR", help="All debt that was ever put on the meter.")
    ],
    share: Annotated[
        int, typer.Option(metavar="N", min=0, max=1_000, help="Thousandths of a payment that go to it.")
    ],
    payment_cap: Annotated[
        str | None, typer.Option(metavar="EUR", help="At most this of one payment; else no cap.")
    ] = None,
    period_cap: Annotated[
        str | None, typer.Option(metavar="EUR", help="At most this in each period; else no cap.")
    ] = None,
    period_days: Annotated[
        int, typer.Option(metavar="N", min=1, max=DEBT_DAYS_MAX, help="Length of a period, in days.")
    ] = 7,
) -> int:
    """Put a debt on a meter, and say what share of each payment goes to it.

    Two different people must sign; this command signs first. A payment repays emergency credit first; of what
    is left the share goes to the debt, below every cap, and the rest to the balance. What payments have
    brought already counts: of a lower total the meter gives back what is beyond it.
    """
    read_name(meter, "METER")
    body = DebtBody(
        read_cap(total_eur, "--eur"),
        share,
        DEBT_UEUR_MAX if payment_cap is None else read_cap(payment_cap, "--payment-cap"),
        DEBT_UEUR_MAX if period_cap is None else read_cap(period_cap, "--period-cap"),
        period_days,
    )
    with face.acting(Kind.DEBT, (meter,)) as act:
        status = set_debt(act, meter, body)
    return face.show(status)
