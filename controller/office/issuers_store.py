"""The issuers documents in the store: the one in force, and the one that people are signing (design §4.3).

Whether enough people have signed is judged when a document goes into force (`controller.issuers.acts`); each
meter judges it again.
"""

from typing import Final

from msgspec import Struct
from sqlmodel import Session

from controller.office.audit import SERVICE, AuditAct, record
from controller.office.sealed_store import drop_sealed, keep_sealed, sealed
from protocols.documents.envelope import read_envelope
from protocols.documents.issuers import Issuers, accept_issuers, read_issuers
from protocols.documents.roles import Root

_IN_FORCE: Final = "issuers/in_force"
_PROPOSED: Final = "issuers/proposed"


class IssuersSealed(Struct, frozen=True):
    """An issuers document, and the envelope as it is sent to meters."""

    issuers: Issuers
    envelope: bytes


def issuers_in_force(session: Session) -> IssuersSealed | None:
    """The document in force; None in a home where nobody has proposed one."""
    return _read(session, _IN_FORCE)


def proposed_issuers(session: Session) -> IssuersSealed | None:
    """The document that waits for signatures; None where none does."""
    return _read(session, _PROPOSED)


def keep_proposed_issuers(session: Session, envelope: bytes) -> None:
    """Keep a document that waits for signatures, in the place of any other."""
    keep_sealed(session, _PROPOSED, envelope)


def put_issuers_in_force(session: Session, envelope: bytes) -> None:
    """Make a document that is signed by enough people the one in force."""
    keep_sealed(session, _IN_FORCE, envelope)
    drop_sealed(session, _PROPOSED)


def keep_issuers_signed(session: Session, envelope: bytes) -> None:
    """Keep the document in force with one more signature."""
    keep_sealed(session, _IN_FORCE, envelope)


def take_newer_issuers(session: Session, envelope: bytes, root: Root, now_ms: int) -> Issuers | None:
    """Put a document in force that stands above the store's; returns it, or None where it does not.

    A store that was restored knows no epoch that began after its copy; the home's file does. Raises
    DocumentError where the document is malformed.
    """
    current = issuers_in_force(session)
    found = accept_issuers(envelope, root, None if current is None else current.issuers)
    if not isinstance(found, Issuers):
        return None
    put_issuers_in_force(session, envelope)
    record(session, now_ms, SERVICE, AuditAct.APPROVE, f"issuers/{found.version}")
    return found


def _read(session: Session, name: str) -> IssuersSealed | None:
    envelope = sealed(session, name)
    return (
        None if envelope is None else IssuersSealed(read_issuers(read_envelope(envelope).payload), envelope)
    )
