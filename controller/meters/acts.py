"""What people do about meters: open or close admission. To admit some: `connections.readmitting`."""

from sqlalchemy import Engine

from controller.database.engine import writing
from controller.meters.admission import Admission, set_admission
from controller.office.people import Actor


def change_admission(store: Engine, wanted: Admission, actor: Actor, now_ms: int) -> bool:
    """Open or close admission. False where it was so already."""
    with writing(store) as session:
        return set_admission(session, wanted, actor.name, now_ms)
