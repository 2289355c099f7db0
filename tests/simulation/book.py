"""The book of documents: everything signed that anybody has published, and what of it truth counts.

A document's number is its place in the store's own order: a lease with a higher number than a hold's was
signed by a service that knew the hold. A restored store begins a new *life*: what its copy did not hold is
lost to it, and counts only for meters that have stored it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from protocols.documents.bodies import HoldBody, PaymentBody
from protocols.documents.envelope import document_digest, read_envelope
from protocols.documents.issuers import Issuer, Issuers, has_issued
from protocols.documents.kind_rule import Kind
from protocols.documents.kinds import KINDS
from protocols.documents.orders import ORDER_TYPE, Order, body_of, read_order
from protocols.documents.roles import Root, Signed, meets, open_signed
from protocols.errors import DocumentError

# How the id of an order begins that somebody else than the controller has made.
THIEFS: Final = "x-"


@dataclass(eq=False, slots=True)
class Page:
    """One document. `ours`: it was made at the controller; `lost`: a restored store does not know it.

    `anew`: people have decided the same again, since it did not reach every meter. `keyids`: of all who have
    signed it.
    """

    order: Order
    at_ms: int
    life: int
    number: int
    ours: bool
    lost: bool = False
    anew: bool = False
    keyids: frozenset[str] = frozenset()

    def addresses(self, meter: str) -> bool:
        return self.order.scope.fleet or meter in self.order.scope.meters

    def is_known_to(self, lease: "Page") -> bool:
        """Whether the service that signed a lease had this document in its store."""
        if not self.ours or self.lost:
            return False
        return self.life < lease.life or (self.life == lease.life and self.number < lease.number)


class Book:
    """All documents with enough signatures, in the order in which truth saw them.

    `issuers`: those that the home began with; None for a home of before, in which people sign statements.
    """

    def __init__(self, root: Root, issuers: Issuers | None) -> None:
        self.life = 0
        # What the broker has taken: the digest of a document, and the meter of the topic, or none.
        self.carried: set[tuple[str, str]] = set()
        self._root = root
        self._people_pay = issuers is None
        self._issuers: dict[tuple[str, int], Issuer] = {}
        if issuers is not None:
            self.name_issuers(issuers)
        self._pages: dict[bytes, Page] = {}
        self._by_order: dict[tuple[str, str, int], list[Page]] = {}

    def name_issuers(self, issuers: Issuers) -> None:
        """Two people have put this document in force."""
        self._issuers |= {(each.name, each.epoch): each for each in issuers.issuers}

    def enter(self, envelope: bytes, at_ms: int, *, ours: bool) -> Page | None:
        """Enter a document; None where it is none, or too few have signed it.

        A lease is always ours, and so is what an issuer's key has signed, but for a thief's.
        """
        try:
            payload = read_envelope(envelope).payload
            page = self._pages.get(payload)
            if page is not None:
                page.keyids |= open_signed(envelope, self._root, ORDER_TYPE).keyids
                # One signed copy is enough: a hostile one may come first, and lacks what makes it ours.
                page.ours = page.ours or ours
                return page
            order = read_order(payload)
            signed = open_signed(envelope, self._root, ORDER_TYPE)
        except DocumentError:
            return None
        if not self._is_signed(envelope, order, signed):
            return None
        issued = order.kind in (Kind.LEASE, Kind.PAYMENT)
        ours = ours or (issued and not order.id.startswith(THIEFS))
        number = int(order.id[1:]) if ours else 0
        page = Page(order, at_ms, self.life, number, ours, keyids=signed.keyids)
        self._pages[payload] = page
        self._by_order.setdefault((order.id, order.object, order.rev), []).append(page)
        return page

    def _is_signed(self, envelope: bytes, order: Order, signed: Signed) -> bool:
        """Whether enough people have signed, or the issuer that was named in that epoch."""
        if order.kind is Kind.PAYMENT:
            body = body_of(order, PaymentBody)
            if body.epoch or not self._people_pay:
                issuer = self._issuers.get((body.issuer, body.epoch))
                return issuer is not None and has_issued(envelope, issuer)
        return meets(signed, self._root, KINDS[order.kind].role)

    def carry(self, envelope: bytes, meter: str) -> None:
        """The broker has taken a document for a meter, or for the fleet where `meter` is empty."""
        try:
            self.carried.add((document_digest(envelope), meter))
        except DocumentError:
            return

    def judged(self, order: str, name: str, rev: int, meter: str) -> Page | None:
        """The document that a meter's verdict is about: the last one with this id that addresses it."""
        named = self._by_order.get((order, name, rev), ())
        return next((page for page in reversed(named) if page.addresses(meter)), None)

    def restored(self, last_number: int) -> None:
        """A copy took the place of the store: what was signed after `last_number` in this life is lost."""
        for page in self._pages.values():
            if page.ours and page.life == self.life and page.number > last_number:
                page.lost = True
        self.life += 1

    def of(self, *kinds: Kind) -> Iterator[Page]:
        """The documents of these kinds, the first seen first."""
        return (page for page in self._pages.values() if page.order.kind in kinds)


def hold_covers(page: Page, from_ms: int, until_ms: int) -> bool:
    """Whether a hold's own interval meets `[from_ms, until_ms)`."""
    body = body_of(page.order, HoldBody)
    return body.from_ms < until_ms and from_ms < body.until_ms
