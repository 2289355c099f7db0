"""Documents beside the orders, in the store: those in force, and those that people are signing."""

from sqlmodel import Session

from controller.database.tables import SettingRow


def sealed(session: Session, name: str) -> bytes | None:
    """The envelope under this name; None where there is none."""
    row = session.get(SettingRow, name)
    return None if row is None else row.value.encode()


def keep_sealed(session: Session, name: str, envelope: bytes) -> None:
    """Keep an envelope under this name, in the place of any other."""
    row = session.get(SettingRow, name) or SettingRow(name=name, value="")
    row.value = envelope.decode()
    session.add(row)


def drop_sealed(session: Session, name: str) -> None:
    """Keep nothing under this name."""
    row = session.get(SettingRow, name)
    if row is not None:
        session.delete(row)
