"""The purse of a meter as the store knows it: last report, ledger, what clerks and refunds ask for."""

from collections.abc import Mapping

import msgspec
from sqlmodel import Session

from controller.connections.rules import PurseKnown, net_of_account
from controller.database.damage import read_column
from controller.database.tables import MeterRow
from controller.payments.store import ledger_of
from controller.refunds.acts import drafted_ueur, ordered_ueur
from protocols.documents.accounts import Account
from protocols.units import QUANTA_PER_UEUR

_accounts: msgspec.json.Decoder[Account] = msgspec.json.Decoder(Account)


def account_of(column: str | None, meter: str) -> Account | None:
    """The account in a column of a meter's row. Raises InputError for a damaged one."""
    return None if column is None else read_column(_accounts.decode, column, "meter", meter, "account")


def purse_of(session: Session, row: MeterRow, asked_ueur: int = 0) -> PurseKnown:
    """What is known of a meter's purse, by its last report. `asked_ueur`: what clerks have asked for it."""
    return purse_by(session, row.id, row.balance_ueur, account_of(row.account, row.id), asked_ueur)


def purse_by(
    session: Session, meter: str, balance_ueur: int | None, account: Account | None, asked_ueur: int = 0
) -> PurseKnown:
    """The purse by a report with this balance and account; None: an older firmware names no account."""
    paid_ueur, credited_ueur = ledger_of(session, meter)
    lent_ueur = refunded_ueur = 0
    if account is not None:
        balance_ueur, lent_ueur = net_of_account(account)
        credited_ueur = min(max(credited_ueur, int(account.credited_q) // QUANTA_PER_UEUR), paid_ueur)
        refunded_ueur = int(account.refunded_q) // QUANTA_PER_UEUR
    return PurseKnown(
        balance_ueur=balance_ueur,
        lent_ueur=lent_ueur,
        paid_ueur=paid_ueur,
        credited_ueur=credited_ueur,
        asked_ueur=asked_ueur,
        ordered_ueur=ordered_ueur(session, meter),
        refunded_ueur=refunded_ueur,
        claimed_ueur=drafted_ueur(session, meter),
    )


def as_fields(purse: PurseKnown) -> Mapping[str, int | None]:
    """The purse for the audit: how the sum that is carried over came about."""
    return {name: getattr(purse, name) for name in purse.__struct_fields__}
