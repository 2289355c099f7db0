"""What a store has lost that was restored from a backup, in one sentence for every face and the log."""


def loss_in_words(after: int, entries: int) -> str:
    """So many entries of the audit, after this one."""
    are = "1 entry of the audit is" if entries == 1 else f"{entries} entries of the audit are"
    return (
        f"{are} lost, after entry {after}: a backup was restored; numbers go on above them; what was"
        " decided since that backup is not known here"
    )
