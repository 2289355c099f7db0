"""Three households in sentences, made of what happened to them in this replay. Pure.

One that its card meter cut early, and that queued at its office; the same household with its guarded meter;
and one of act two. The sentences say only what the replay has recorded.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from controller.demo import night
from controller.demo.camera import Change, Fleet
from controller.demo.card_fleet import WayBack
from controller.demo.population import Reactivation, TwinHousehold
from controller.demo.result import Result
from protocols.cutting.zones import load_zone
from protocols.instants import HOUR_MS, MINUTE_MS, datetime_from_ms
from protocols.reasons import Energy, Supply, SupplyReason

_ZONE = load_zone(night.ZONE)
_DONE = {
    Reactivation.BEFORE_START: "had passed its card again in June, as it had been asked to",
    Reactivation.IN_TIME: "had passed its card again in time",
    Reactivation.ON_PAPER: "had passed its card again, as it had been asked to",
    Reactivation.NOT: "had not passed its card again; that was not what the list was about",
}


@dataclass(frozen=True, slots=True)
class Story:
    """One household's story; `fleet` gives its colour."""

    title: str
    fleet: Fleet
    meter: str
    sentences: tuple[str, ...]


def stories_of(result: Result) -> list[Story]:
    """The stories of this replay; a small replay may lack some."""
    stories: list[Story] = []
    found = _queued(result)
    if found is not None:
        home, way = found
        stories += [_of_card(home, way), _of_twin(result, home)]
    released = _released(result)
    if released is not None:
        stories.append(_of_release(result, released))
    return stories


def _queued(result: Result) -> tuple[TwinHousehold, WayBack] | None:
    """A household cut early and back by card; best one in order on paper whose twin heard the wrong date."""
    early = {change.meter for change in result.night_cuts(Fleet.LEGACY)} or {
        change.meter for change in result.early(Fleet.LEGACY)
    }
    heard = {each.meter for each in result.heard}
    homes = {home.card: home for home in result.homes}
    ways = [way for way in result.ways_back if way.meter in early]
    if not ways:
        return None

    def worth_telling(way: WayBack) -> tuple[bool, bool, bool, int, str]:
        home = homes[way.meter]
        return (
            home.reactivation is Reactivation.ON_PAPER,
            home.energy is Energy.ELECTRICITY,
            home.guarded in heard,
            way.back_ms - way.cut_ms,
            way.meter,
        )

    way = max(ways, key=worth_telling)
    return homes[way.meter], way


def _of_card(home: TwinHousehold, way: WayBack) -> Story:
    energy = "electricity" if home.energy is Energy.ELECTRICITY else "gas"
    if home.reactivation is Reactivation.ON_PAPER:
        assert home.reactivated_ms is not None, home
        before = (
            f"On {_when(home.reactivated_ms)} this household passed its card, as it had been asked to. The "
            "terminal said that all was in order. What it did not say: the same card put a new date for a "
            "cut into the meter, and the cancellation it carried was for the old one."
        )
    else:
        before = (
            "This household had not passed its card again. The letters said that there was time until "
            "Friday 3 July, in the evening."
        )
    left_ms = night.PLANNED_CUT_MS - way.cut_ms
    sentences = [
        before,
        (
            f"At {_clock(way.cut_ms)} on {_day(way.cut_ms)} the {energy} went off: {_span(left_ms)} before "
            f"the date in the letter. {_blame(home, way.cut_ms)}"
        ),
        "No button and no ordinary card brought it back. The screen showed an 8: non-relance.",
        (
            f"The office at {way.office} was open from 08:00. The household was there at "
            f"{_clock(way.arrived_ms)}, held the card it needed at {_clock(way.served_ms)}, and had "
            f"{energy} again on {_day(way.back_ms)} at {_clock(way.back_ms)}: "
            f"{_span(way.back_ms - way.cut_ms)} in the dark, for a date that was not even right."
        ),
    ]
    return Story("Cut a day early", Fleet.LEGACY, home.card, tuple(sentences))


def _blame(home: TwinHousehold, cut_ms: int) -> str:
    set_wrong = home.clock_set_wrong and cut_ms >= night.LIE_MS
    if set_wrong or "leap_skip" in home.faults:
        return "The meter believed it was already the day after."
    return "The date in the meter was not the one in the letter."


def _of_twin(result: Result, home: TwinHousehold) -> Story:
    sentences = ["The same home, the same purse, the same card passed or not. Only the meter is another."]
    heard = [each for each in result.heard if each.meter == home.guarded]
    if heard:
        first = heard[0]
        hours = round(first.offset_ms / HOUR_MS)
        sentences.append(
            f"On {_when(first.received_ms)} it asked its two time services what time it was. One of them "
            f"was {hours} hours ahead, the other was not. Where two do not agree the meter believes "
            "neither: it went on counting by its own crystal, and told the controller what it had heard."
        )
    else:
        sentences.append(
            "It did not ask for the time in those hours; and had it asked, one wrong answer would have "
            "moved nothing."
        )
    sentences.append(
        "The moratorium in its memory ran until Friday, and outside the hours for cuts it does not cut at "
        "all. That night the light stayed on."
    )
    changes = [each for each in result.changes if each.meter == home.guarded]
    sentences += _later(changes, result)
    return Story("Its twin", Fleet.GUARDED, home.guarded, tuple(sentences))


def _later(changes: Sequence[Change], result: Result) -> list[str]:
    if not changes:
        return ["Nothing happened to it on any of the days that followed either."]
    sentences: list[str] = []
    for change in changes:
        if change.is_opening:
            sentences.append(
                f"On {_day(change.true_ms)} at {_clock(change.true_ms)} it was cut, {_why(change, result)}: "
                "in daylight, after an hour's warning, with the offices open."
            )
        elif change.after is Supply.ON:
            sentences.append(f"Supply came back on {_when(change.true_ms)}.")
        elif change.after is Supply.ARMED:
            sentences.append(f"On {_when(change.true_ms)} it was ready for a person to press.")
    return sentences


def _why(change: Change, result: Result) -> str:
    if change.reason is SupplyReason.CREDIT:
        return "for its purse was empty"
    if change.meter in result.wrong_scope and change.true_ms >= night.WRONG_CUT_MS:
        return "for it stood on the wrong list of act two"
    return "as had been planned for those who had not passed their card"


def _released(result: Result) -> TwinHousehold | None:
    """The household by mistake on the list, with electricity, whose supply was back last."""
    homes = {home.guarded: home for home in result.homes}
    mistaken = result.by_mistake
    wrong = [
        (seconds, meter)
        for meter, seconds in result.release_s.items()
        if meter in mistaken and homes[meter].energy is Energy.ELECTRICITY
    ]
    return homes[max(wrong)[1]] if wrong else None


def _of_release(result: Result, home: TwinHousehold) -> Story:
    cut = next(each for each in reversed(result.cuts(Fleet.GUARDED)) if each.meter == home.guarded)
    seconds = result.release_s[home.guarded]
    sentences = (
        (
            f"This household {_DONE[home.reactivation]}. Nobody had meant to cut it. On Monday 6 July at "
            f"10:00 its name stood on a list of {len(result.wrong_scope)} that was to have been one of "
            f"{len(result.meant)}. Two people had signed it."
        ),
        (
            "Its meter could not know that. It did what it owes everybody: it waited for the hours in "
            f"which cuts are allowed, warned for an hour, and only then, at {_clock(cut.true_ms)}, cut."
        ),
        (
            f"At {_clock(night.RELEASE_MS)} one person sent the release. Of all that were dark this "
            f"household is among the slowest: the controller had its meter's word after {seconds:.2f} "
            f"seconds. Nobody left the house, and nothing can cut it again for {night.RELEASE_HOURS} hours."
        ),
    )
    return Story("Cut by mistake", Fleet.GUARDED, home.guarded, sentences)


def _clock(instant_ms: int) -> str:
    return datetime_from_ms(instant_ms, _ZONE).strftime("%H:%M")


def _day(instant_ms: int) -> str:
    moment = datetime_from_ms(instant_ms, _ZONE)
    return f"{moment:%A} {moment.day} {moment:%B}"


def _when(instant_ms: int) -> str:
    return f"{_day(instant_ms)} at {_clock(instant_ms)}"


def _span(length_ms: int) -> str:
    """`9 hours and 32 minutes`, to the minute."""
    minutes = (length_ms + MINUTE_MS // 2) // MINUTE_MS
    hours, rest = divmod(minutes, 60)
    parts = [f"{hours} hour{'s' * (hours != 1)}"] if hours else []
    parts += [f"{rest} minute{'s' * (rest != 1)}"] if rest or not hours else []
    return " and ".join(parts)
