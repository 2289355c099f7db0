"""What people do about meters: admit some, open or close admission. Each act is one transaction."""

from collections.abc import Collection

from sqlalchemy import Engine

from controller.database.engine import writing
from controller.meters.admission import Admission, admit, set_admission
from controller.office.people import Actor


def admit_meters(
    store: Engine, meters: Collection[str], link: str | None, actor: Actor, now_ms: int
) -> list[str]:
    """Admit meters. Returns those that were not known before. Raises RefusedError as `admission.admit`."""
    with writing(store) as session:
        return admit(session, meters, link, actor.name, now_ms)


def change_admission(store: Engine, wanted: Admission, actor: Actor, now_ms: int) -> bool:
    """Open or close admission. False where it was so already."""
    with writing(store) as session:
        return set_admission(session, wanted, actor.name, now_ms)
