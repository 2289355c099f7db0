"""A kiosk is added, limited and revoked by a person (docs/kiosk.md).

Two people make it an issuer: one proposes it with `add`, a second one signs the issuers document. One person
alone limits it, and one alone revokes it: then nothing that it says is believed any more, it has no place at
the broker, and the card keys of all kiosks are renewed. Two people close its issuer at the meters.
"""

from msgspec import Struct

from controller.database.kiosk_tables import KioskRow
from controller.issuers.acts import IssuersProposal, code_of, propose_issuers
from controller.kiosks import rules
from controller.kiosks.rules import CardGenerations
from controller.kiosks.store import (
    generations_in,
    generations_said,
    keep_generations,
    kiosk_of,
    kiosks_in,
    limits_of,
    status_said,
)
from controller.kiosks.views import view_card_keys
from controller.office.audit import AuditAct, record
from controller.office.issuers_store import issuers_in_force, proposed_issuers
from controller.office.issuing import CONTROLLER
from controller.orders.acting import Act
from protocols.documents.envelope import Signer, seal
from protocols.documents.issuers import Issuers
from protocols.documents.kind_rule import Role
from protocols.documents.kiosk_limits import KIOSK_LIMITS_TYPE, KioskLimits, open_limits, write_limits
from protocols.errors import DocumentError, InputError, RefusedError


class KioskWish(Struct, frozen=True, kw_only=True):
    """A kiosk to add. `public`: its issuer's key, as hex; `limits`: its first ones, signed."""

    kiosk: str
    office: str
    public: str
    limits: bytes
    allowance_ueur: int


class KioskAdded(Struct, frozen=True, kw_only=True):
    """A kiosk after `add`. `is_new`: it was not there.

    `code`: of the issuers that wait for a second person; empty where its issuer is in force.
    """

    is_new: bool
    epoch: int
    code: str


class KioskRevoked(Struct, frozen=True, kw_only=True):
    """After a revocation.

    `closing`: the issuers that close its issuer, and wait for a second person; None where whoever revoked it
    may not propose them, or it never was one.
    """

    limits: KioskLimits
    generation: int
    is_new: bool
    closing: IssuersProposal | None


def sign_limits(signer: Signer, limits: KioskLimits) -> bytes:
    """The envelope of limits. Raises InputError for values out of range."""
    try:
        return seal(write_limits(limits), KIOSK_LIMITS_TYPE, [signer])
    except DocumentError as error:
        raise InputError(str(error)) from None


def check_addable(act: Act, kiosk: str, office: str) -> None:
    """Raises RefusedError for a name or office that is taken, InputError for one that cannot be."""
    if office == CONTROLLER:
        raise InputError(f"--office {office}: is the controller's own issuer; allowed: another name")
    for row in kiosks_in(act.session):
        if row.id == kiosk and row.revoked_ms is not None:
            raise RefusedError(f"kiosk {kiosk}: was revoked; its name never comes back: take another")
        if row.id == kiosk and row.office != office:
            raise RefusedError(f"kiosk {kiosk}: is at office {row.office}")
        if row.id != kiosk and row.office == office and row.revoked_ms is None:
            raise RefusedError(
                f"office {office}: has kiosk {row.id}, and an issuer has one kiosk: revoke that one, "
                f"or name this counter apart, such as {office}-2"
            )


def add_kiosk(act: Act, wish: KioskWish) -> KioskAdded:
    """Add a kiosk and propose it as an issuer; where it is there, show how far it has come.

    Kiosks that wait for their signature already are proposed with it. Raises RefusedError as
    `check_addable`, and where other issuers wait.
    """
    check_addable(act, wish.kiosk, wish.office)
    open_limits(wish.limits, act.root, wish.kiosk)
    row = act.session.get(KioskRow, wish.kiosk)
    is_new = row is None
    if row is None:
        row = KioskRow(
            id=wish.kiosk,
            office=wish.office,
            public=wish.public,
            limits=wish.limits.decode(),
            added_by=act.actor.name,
            added_ms=act.now_ms,
        )
        act.session.add(row)
        act.session.flush()
        record(act.session, act.now_ms, act.actor.name, AuditAct.KIOSK, f"kiosk/{row.id}", office=row.office)
    elif row.public != wish.public:
        raise RefusedError(
            f"kiosk {wish.kiosk}: was added with another key; its home is elsewhere, or lost: "
            "then revoke it, and add another"
        )
    sealed = issuers_in_force(act.session)
    if sealed is not None and _is_named(sealed.issuers, row):
        return KioskAdded(is_new=is_new, epoch=_epoch(sealed.issuers, row), code="")
    return _propose(act, row, is_new=is_new, allowance_ueur=wish.allowance_ueur)


def set_limits(act: Act, kiosk: str, changed: dict[str, int]) -> KioskLimits:
    """Give a kiosk other limits. Raises RefusedError for a revoked one, InputError for a wrong value."""
    row = kiosk_of(act.session, kiosk)
    if row.revoked_ms is not None:
        raise RefusedError(f"kiosk {kiosk}: is revoked, for good")
    now = limits_of(row)
    said = status_said(row)
    limits = rules.next_limits(now, changed, said)
    if not rules.limits_lost(now, said) and all(
        getattr(now, name) == value for name, value in changed.items()
    ):
        return now
    _keep_limits(act, row, limits)
    return limits


def revoke_kiosk(act: Act, kiosk: str) -> KioskRevoked:
    """Revoke a kiosk, for good. Again, it closes the issuer where that is still open.

    Raises RefusedError where there is none.
    """
    row = kiosk_of(act.session, kiosk)
    is_new = row.revoked_ms is None
    generation = 0
    if is_new:
        _keep_limits(act, row, rules.next_limits(limits_of(row), {}, status_said(row), revoked=True))
        # By what the revoked one says too: a thief has its keys.
        generations = generations_said(act.session).revoked()
        row.revoked_ms, row.online = act.now_ms, 0
        act.session.add(row)
        keep_generations(act.session, generations)
        generation = generations.newest
        record(act.session, act.now_ms, act.actor.name, AuditAct.REVOKE_KIOSK, f"kiosk/{kiosk}")
    return KioskRevoked(limits=limits_of(row), generation=generation, is_new=is_new, closing=_close(act, row))


def rotate_card_keys(act: Act) -> CardGenerations:
    """Begin the next generation of card keys. Those before go on until `end_card_keys`.

    Raises RefusedError where there were too many.
    """
    return _keep_generations(act, generations_said(act.session).rotated())


def end_card_keys(act: Act) -> CardGenerations:
    """End all generations of card keys before the newest, on cards and at kiosks.

    Raises RefusedError while a kiosk has not said that it holds the newest: it could open no card.
    """
    lacking = view_card_keys(act.session).lacking
    if lacking:
        raise RefusedError(
            f"kiosk {', '.join(lacking)}: without the newest card keys; allowed: after its line was there, "
            "or once it is revoked"
        )
    return _keep_generations(act, generations_in(act.session).only_newest())


def _keep_generations(act: Act, generations: CardGenerations) -> CardGenerations:
    keep_generations(act.session, generations)
    numbers = generations._asdict()
    record(act.session, act.now_ms, act.actor.name, AuditAct.CARD_KEYS, "kiosks", **numbers)
    return generations


def _close(act: Act, row: KioskRow) -> IssuersProposal | None:
    sealed = issuers_in_force(act.session)
    harm = act.root.roles[Role.HARM].keyids
    if sealed is None or not _is_named(sealed.issuers, row) or act.actor.signer.keyid not in harm:
        return None
    waiting = proposed_issuers(act.session)
    if waiting is not None and waiting.issuers.of(row.office) is None:
        return IssuersProposal(issuers=waiting.issuers, envelope=waiting.envelope, in_force=False)
    return propose_issuers(act, {}, {}, [row.office])


def _propose(act: Act, row: KioskRow, *, is_new: bool, allowance_ueur: int) -> KioskAdded:
    waiting = proposed_issuers(act.session)
    if waiting is not None and _is_named(waiting.issuers, row):
        epoch = _epoch(waiting.issuers, row)
        return KioskAdded(is_new=is_new, epoch=epoch, code=code_of(waiting.envelope))
    sealed = issuers_in_force(act.session)
    named = () if sealed is None else sealed.issuers.issuers
    # Whoever waits already is proposed again, in the same document; what is not a kiosk of ours is not.
    pending = {row.office: row.public}
    allowances = {row.office: allowance_ueur}
    for each in () if waiting is None else waiting.issuers.issuers:
        if each in named:
            continue
        if not any((one.office, one.public) == (each.name, each.public) for one in kiosks_in(act.session)):
            raise RefusedError(
                f"issuers {waiting.issuers.version if waiting else 0} wait for a signature; "
                "`relance issuers show` says which: sign them first"
            )
        pending[each.name], allowances[each.name] = each.public, each.allowance_ueur_per_day
    done = propose_issuers(act, pending, allowances)
    return KioskAdded(is_new=is_new, epoch=_epoch(done.issuers, row), code="" if done.in_force else done.code)


def _keep_limits(act: Act, row: KioskRow, limits: KioskLimits) -> None:
    envelope = sign_limits(act.actor.signer, limits)
    try:
        open_limits(envelope, act.root, row.id)
    except DocumentError as error:
        raise InputError(f"{act.actor.name}: {error}") from None
    row.limits = envelope.decode()
    act.session.add(row)
    record(
        act.session,
        act.now_ms,
        act.actor.name,
        AuditAct.KIOSK_LIMITS,
        f"kiosk/{row.id}",
        version=limits.version,
    )


def _is_named(issuers: Issuers, row: KioskRow) -> bool:
    found = issuers.of(row.office)
    return found is not None and found.public == row.public


def _epoch(issuers: Issuers, row: KioskRow) -> int:
    found = issuers.of(row.office)
    assert found is not None, row.office
    return found.epoch


def limits_envelope(act: Act, kiosk: str) -> bytes:
    """The signed limits that a kiosk has now. Raises RefusedError where there is none."""
    return kiosk_of(act.session, kiosk).limits.encode()
