"""`relance kiosk serves`: which areas of the DSO's file a kiosk keeps documents for."""

from typing import Annotated

import typer

from controller.faces.cli import kiosk_money as kiosk_face
from controller.faces.cli.face import Face
from controller.faces.cli.showing import print_json, print_lines
from controller.faces.cli.verbs import NAMED, verb
from controller.kiosks import areas as kiosk_areas
from controller.kiosks import views
from protocols.documents.kind_rule import Role
from protocols.errors import InputError
from protocols.rim.terminal import Exit

# This verb stands beside the others of `relance kiosk`.
app = kiosk_face.app


@verb(
    app,
    "serves",
    "kiosk serves namur-1",
    "kiosk serves namur-1 --area Namur --area Jambes --as anna",
    "kiosk serves namur-1 --none --as anna",
    shares=NAMED,
)
def serve_areas(
    face: Face,
    kiosk: Annotated[str, typer.Argument(metavar="KIOSK", help="The kiosk's name.")],
    *,
    area: Annotated[
        list[str] | None, typer.Option(metavar="AREA", help="An area of the DSO's file; may be repeated.")
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="No area any more.")] = False,
) -> int:
    """Show or set the areas that a kiosk serves beside the meters whose card was seen there last.

    It then keeps documents for households of these areas whose card was seen elsewhere or nowhere, so that
    their first visit brings them. There is room for 200 meters, those not seen for the longest time first.
    """
    if area and none:
        raise InputError("--area, --none: allowed: one of them")
    if area or none:
        with face.acting_as(Role.PROTECT) as act:
            kiosk_areas.set_areas(act, kiosk, tuple(area or ()))
    with face.office.reading() as session:
        found = views.show_kiosk(session, kiosk)
    if face.as_json:
        counts = {"meters_near": found.near, "meters_left_out": found.left_out}
        print_json({"kiosk": kiosk, "areas": found.areas, **counts})
        return Exit.DONE
    said = ", ".join(found.areas) or "no area"
    print_lines(f"Kiosk {kiosk} serves {said}: {found.near} meters on cards, {found.left_out} without room.")
    return Exit.DONE
