"""`relance doctor`: whether the controller is well. Today: its clock."""

import msgspec

from controller.faces.cli.face import Face
from controller.faces.cli.showing import instants, print_json, print_lines
from controller.timing.views import ClockSeen
from protocols.reasons import Voice
from protocols.rim.terminal import Exit
from protocols.words.en.service_clock import (
    NEVER_WRITTEN,
    SHARES_MACHINE,
    compared_in_words,
    difference_in_words,
    standing_in_words,
)
from protocols.words.en.times import duration, local


def examine(face: Face) -> int:
    """Say whether the service trusts its clock, to whom it compared, and how this machine's clock stands.

    Ends with 1 where the service doubts its clock, has never run, or its clock differs from this machine's.
    """
    zone = face.zone
    seen = face.clock
    if face.as_json:
        print_json({"clock": _fields(seen)})
    elif seen.written is None:
        print_lines(NEVER_WRITTEN)
    else:
        judged = seen.written.judged
        print_lines(f"{standing_in_words(judged.standing, judged.doubt)}.")
        print_lines(f"Compared: {compared_in_words(_heard(seen), judged.silent)}.")
        if judged.earliest_ms is not None and judged.latest_ms is not None:
            width = duration(judged.latest_ms - judged.earliest_ms)
            print_lines(f"It was between {local(judged.earliest_ms, zone)} and {width} later.")
        if seen.written.shares_machine:
            print_lines(SHARES_MACHINE)
        if told := difference_in_words(seen.compared.offset_ms, differs=seen.compared.differs):
            print_lines(f"{told}.")
    well = seen.written is not None and not seen.compared.forbids_harm
    return Exit.DONE if well else Exit.NO


def _heard(seen: ClockSeen) -> list[tuple[Voice, int]]:
    assert seen.written is not None
    return [(each.voice, each.apart_ms) for each in seen.written.judged.heard]


def _fields(seen: ClockSeen) -> dict[str, object]:
    compared = {
        "same_boot": seen.compared.same_boot,
        "offset_ms": seen.compared.offset_ms,
        "differs": seen.compared.differs,
    }
    if seen.written is None:
        return {"standing": None, "this_machine": compared}
    judged = seen.written.judged
    return {
        "standing": judged.standing,
        "doubt": judged.doubt,
        "boot": judged.boot,
        "tick_ms": judged.tick_ms,
        **instants(earliest=judged.earliest_ms, latest=judged.latest_ms, estimate=judged.estimate_ms),
        "heard": [msgspec.to_builtins(each) for each in judged.heard],
        "silent": judged.silent,
        "shares_machine": seen.written.shares_machine,
        "this_machine": compared,
    }
