"""A home whose store is behind the mark beside it: then the store alone was restored from a backup."""

from controller.database.engine import writing
from controller.office.opening import Office
from controller.office.root_store import root_chain
from controller.restores.acts import account_for, unknown_loss
from controller.restores.mark_file import read_mark, service_keys
from controller.restores.rules import Loss
from protocols.link.marks import StoreMark


def account_for_home(office: Office, now_ms: int) -> Loss | None:
    """Number on above what the store has lost, as the mark in the home shows; None where nothing is new.

    Raises InputError as `read_mark`.
    """
    mark = _mark_of(office)
    if mark is None or _unknown(office, mark) is None:
        # Only a store that is behind is written to.
        return None
    with writing(office.store) as session:
        return account_for(session, mark, office.root.version, now_ms)


def loss_not_recorded(office: Office) -> Loss | None:
    """What the store has lost and does not know of yet. Raises as `account_for_home`."""
    mark = _mark_of(office)
    return None if mark is None else _unknown(office, mark)


def _mark_of(office: Office) -> StoreMark | None:
    with office.reading() as session:
        links = root_chain(session).links
    former = {keyid: public for link in links for keyid, public in service_keys(link.root).items()}
    return read_mark(office.settings.mark, office.root, former)


def _unknown(office: Office, mark: StoreMark) -> Loss | None:
    with office.reading() as session:
        return unknown_loss(session, mark)
