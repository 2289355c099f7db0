"""Tells people that the store was restored from a backup, and what that cost."""

from controller.office.opening import Office
from controller.restores import home
from controller.restores.rules import Loss
from protocols.errors import InputError
from protocols.rim.terminal import warn


def mind_losses(office: Office, now_ms: int) -> None:
    """Before anything is numbered: a store that is behind numbers on above what it has lost, and it is told.

    A mark that cannot be read is warned of, and holds up nothing.
    """
    try:
        loss = home.account_for_home(office, now_ms)
    except InputError as error:
        warn([str(error)])
    else:
        warn([] if loss is None else [loss_in_words(loss)])


def loss_in_words(loss: Loss) -> str:
    """One sentence for a person."""
    are = "1 entry of the audit is" if loss.entries == 1 else f"{loss.entries} entries of the audit are"
    return (
        f"{are} lost, after entry {loss.after}: a backup was restored; numbers go on above them; what was"
        " decided since that backup is not known here"
    )
