"""The next issuers document: one person proposes it, a second one signs it, then it goes to every meter."""

from collections.abc import Collection, Mapping
from typing import Final

from msgspec import Struct
from sqlmodel import Session

from controller.meters.documents_held import issuers_version_held
from controller.office.audit import AuditAct, record
from controller.office.issuers_store import (
    issuers_in_force,
    keep_proposed_issuers,
    proposed_issuers,
    put_issuers_in_force,
)
from controller.office.issuing import CONTROLLER, next_epoch, next_issuers
from controller.orders.acting import Act
from protocols.documents.envelope import add_signature, document_digest, read_envelope, seal
from protocols.documents.issuers import ISSUERS_TYPE, Issuers, accept_issuers, read_issuers, write_issuers
from protocols.errors import RefusedError, quoted

# Digits of a document's digest that name it to a person.
_CODE_DIGITS: Final = 16


class IssuersProposal(Struct, frozen=True, kw_only=True):
    """A document after an act, with its envelope; whether it is in force now."""

    issuers: Issuers
    envelope: bytes
    in_force: bool

    @property
    def code(self) -> str:
        """What the next person names, so that they sign this document and no other."""
        return code_of(self.envelope)


def code_of(envelope: bytes) -> str:
    """The first digits of the digest of the document in an envelope."""
    return document_digest(envelope)[:_CODE_DIGITS]


def controllers_next_epoch(session: Session) -> int:
    """The epoch that the controller's issuer begins with the next document: its key is named by it."""
    current = issuers_in_force(session)
    version = 0 if current is None else current.issuers.version
    known = None if current is None else current.issuers.of(CONTROLLER)
    return next_epoch(known, issuers_version_held(session, version) - version)


def propose_issuers(
    act: Act,
    new_keys: Mapping[str, str],
    allowances_ueur: Mapping[str, int],
    closed: Collection[str] = (),
) -> IssuersProposal:
    """Make the next document and sign it first. Another one that waits is given up. Raises InputError."""
    current = issuers_in_force(act.session)
    above = issuers_version_held(act.session, 0 if current is None else current.issuers.version)
    issuers = next_issuers(
        None if current is None else current.issuers, new_keys, allowances_ueur, above, closed
    )
    envelope = seal(write_issuers(issuers), ISSUERS_TYPE, [act.actor.signer])
    record(act.session, act.now_ms, act.actor.name, AuditAct.PROPOSE, f"issuers/{issuers.version}")
    return _step(act, envelope)


def sign_issuers(act: Act, code: str) -> IssuersProposal:
    """Sign the proposed document as a further person. With enough of them it goes into force.

    `code`: of the document that this person means (`code_of`). Another proposal gives up the one that waits:
    so one stolen key could put a document of its own before the next person, who would sign it unseen.

    Raises RefusedError where none waits, or another than this.
    """
    waiting = proposed_issuers(act.session)
    if waiting is None:
        raise RefusedError("no issuers wait for a signature; `relance issuers propose` makes a document")
    if code != code_of(waiting.envelope):
        raise RefusedError(
            f"issuers: {quoted(code)} is not the code of those that wait; `relance issuers show` has it"
        )
    envelope = add_signature(waiting.envelope, act.actor.signer)
    record(act.session, act.now_ms, act.actor.name, AuditAct.SIGN, f"issuers/{waiting.issuers.version}")
    return _step(act, envelope)


def _step(act: Act, envelope: bytes) -> IssuersProposal:
    issuers = read_issuers(read_envelope(envelope).payload)
    current = issuers_in_force(act.session)
    accepted = accept_issuers(envelope, act.root, None if current is None else current.issuers)
    in_force = isinstance(accepted, Issuers)
    if in_force:
        put_issuers_in_force(act.session, envelope)
        record(act.session, act.now_ms, act.actor.name, AuditAct.APPROVE, f"issuers/{issuers.version}")
    else:
        keep_proposed_issuers(act.session, envelope)
    return IssuersProposal(issuers=issuers, envelope=envelope, in_force=in_force)
