"""Tells people that the store was restored from a backup, and what that cost."""

from controller.office.opening import Office
from controller.restores import home
from protocols.errors import InputError
from protocols.rim.terminal import warn
from protocols.words.en.losses import loss_in_words


def mind_losses(office: Office, now_ms: int) -> None:
    """Before anything is numbered: a store that is behind numbers on above what it has lost, and it is told.

    A mark that cannot be read is warned of, and holds up nothing.
    """
    try:
        loss = home.account_for_home(office, now_ms)
    except InputError as error:
        warn([str(error)])
    else:
        warn([] if loss is None else [loss_in_words(loss.after, loss.entries)])
