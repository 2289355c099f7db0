"""How far each document on a card has come, by what the meter has said on it.

A payment takes three steps: a kiosk writes the card, the meter reads it, and a kiosk reads what the meter
says. Nothing is believed here: whether the meter's words are its own, its MACs say. Pure.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from cardreader.files.layout import STATEMENTS, CardFile
from cardreader.files.meter_state import MeterState
from cardreader.loading.contents import CardContents
from cardreader.loading.holdings import holdings_on
from cardreader.loading.loads import cargo_or_none
from protocols.documents.bodies import PaymentBody
from protocols.documents.envelope import document_digest, read_envelope
from protocols.documents.issuers import ISSUERS_TYPE, read_issuers
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import ORDER_TYPE, TIME_TYPE, body_of, read_order, short_keyid
from protocols.documents.roles import ROOT_TYPE, read_root
from protocols.errors import DocumentError
from protocols.link.messages import Receipt, read_report
from protocols.reasons import OrderVerdict

# The kind of what no meter can read.
UNREADABLE: Final = "unreadable"


class CarriedDocument(NamedTuple):
    """A document on the card. `verdict`: the meter's; None: it has not said.

    `total_ueur`: of a statement, which counts in the epoch `issuer_epoch` of its `issuer`.
    `is_done`: the meter has answered it, its totals include the statement, or it holds such a root or issuers
    document. A time is answered by nothing but the meter's clock, and counts as done.
    `by`: the first digits of the keys that signed what is no order: each authority has a time of its own.
    `is_owed`: a payment that does not reach the meter by this card, while the money stands in the books: the
    meter has refused it, and its totals do not include it; or it is damaged.
    """

    slot: str
    kind: str
    object: str
    rev: int
    issuer: str
    total_ueur: int | None
    verdict: OrderVerdict | None
    reason: str
    is_done: bool
    by: tuple[str, ...] = ()
    issuer_epoch: int = 0
    is_owed: bool = False


class CardProgress(NamedTuple):
    """All that the card carries down. `waits`: whether the meter has not answered something of it."""

    documents: tuple[CarriedDocument, ...]
    waits: bool


def progress_of(found: CardContents) -> CardProgress:
    """How far the documents of a card have come."""
    receipts = _receipts(found)
    state = found.state.state
    versions = _versions(found)
    carried = tuple(
        _carried(slot, document, receipts, state, versions) for slot, document in found.documents.items()
    )
    return CardProgress(carried, any(not each.is_done for each in carried))


def waiting(found: CardContents, new: Sequence[bytes]) -> tuple[bytes, ...]:
    """What the meter has not answered yet, but for what `new` replaces: a kiosk must not take it away."""
    replaced = {cargo.same for each in new if (cargo := cargo_or_none(each)) is not None}
    done = {each.slot for each in progress_of(found).documents if each.is_done}
    return tuple(
        document
        for slot, document in found.documents.items()
        if slot.name not in done
        and (cargo := cargo_or_none(document)) is not None
        and cargo.same not in replaced
    )


def _receipts(found: CardContents) -> Mapping[str, Receipt]:
    """The meter's answers, by the digest of the document that they answer."""
    said = dict[str, Receipt]()
    for word in found.proofs.words:
        try:
            report = read_report(word)[0]
        except DocumentError:
            continue  # it proves nothing, and the document counts as not answered
        if isinstance(report, Receipt) and report.document:
            said[report.document] = report
    return said


def _versions(found: CardContents) -> Mapping[str, int]:
    """Which root and which issuers document the meter holds: it gives no receipt of one that it refuses."""
    holds = holdings_on(found)
    if holds is None:
        return {}
    issuers = 0 if holds.issuers_version is msgspec.UNSET else holds.issuers_version
    return {ROOT_TYPE: holds.root_version, ISSUERS_TYPE: issuers}


def _version_of(payload_type: str, payload: bytes) -> int:
    return (read_root(payload) if payload_type == ROOT_TYPE else read_issuers(payload)).version


def _carried(
    slot: CardFile,
    document: bytes,
    receipts: Mapping[str, Receipt],
    state: MeterState | None,
    versions: Mapping[str, int],
) -> CarriedDocument:
    try:
        envelope = read_envelope(document)
        receipt = receipts.get(document_digest(document))
        order = read_order(envelope.payload) if envelope.payload_type == ORDER_TYPE else None
        payment = body_of(order, PaymentBody) if order is not None and order.kind is Kind.PAYMENT else None
        held = versions.get(envelope.payload_type)
        is_held = held is not None and _version_of(envelope.payload_type, envelope.payload) <= held
    except DocumentError:
        # No meter obeys it: there is nothing to wait for.
        is_owed = slot in STATEMENTS
        return CarriedDocument(
            slot.name, UNREADABLE, "", 0, "", None, None, "", is_done=True, is_owed=is_owed
        )
    verdict = None if receipt is None else receipt.verdict
    reason = "" if receipt is None else receipt.reason
    is_done = verdict is not None or is_held or envelope.payload_type == TIME_TYPE
    if order is None:
        kind = envelope.payload_type.removeprefix("application/vnd.relance.").removesuffix("+json")
        by = tuple(short_keyid(each.keyid) for each in envelope.signatures)
        return CarriedDocument(slot.name, kind, kind, 0, "", None, verdict, reason, is_done, by)
    is_owed = False
    if payment is not None:
        is_credited = _is_credited(payment, state)
        is_done = is_done or is_credited
        is_owed = verdict is OrderVerdict.REFUSED and not is_credited
    return CarriedDocument(
        slot.name,
        order.kind,
        order.object,
        order.rev,
        "" if payment is None else payment.issuer,
        None if payment is None else payment.total_ueur,
        verdict,
        reason,
        is_done,
        issuer_epoch=0 if payment is None else payment.epoch,
        is_owed=is_owed,
    )


def _is_credited(payment: PaymentBody, state: MeterState | None) -> bool:
    totals = () if state is None else state.totals
    return any(
        (each.issuer, each.epoch) == (payment.issuer, payment.epoch) and each.total_ueur >= payment.total_ueur
        for each in totals
    )
