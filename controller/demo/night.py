"""The timeline of the demo as data: instants of June and July 2020, each with the report's text about it.

The known facts are in domain.md §2; assumptions are listed in `ASSUMED`, and printed in the report. Pure.
Instants are UTC milliseconds; they are written here in legal local time with its offset (+02:00).
"""

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from protocols.instants import DAY_MS, MINUTE_MS, SECOND_MS, ms_from_iso

ZONE: Final = "Europe/Brussels"

START_MS: Final = ms_from_iso("2020-06-29T00:00+02:00")
END_MS: Final = ms_from_iso("2020-07-07T16:00+02:00")

# -- the moratorium, and what the cards of March carried ------------------------------------------------
SUSPENDED_FROM_MS: Final = ms_from_iso("2020-03-18T00:00+01:00")
SUSPENDED_UNTIL_MS: Final = ms_from_iso("2020-07-01T00:00+02:00")
FIRST_CUT_MS: Final = ms_from_iso("2020-06-30T23:01+02:00")
FIRST_CUT: Final = "june-30"
# From this instant on households were asked to pass their card again.
REACTIVATION_FROM_MS: Final = ms_from_iso("2020-06-04T08:00+02:00")
REACTIVATION_UNTIL_MS: Final = ms_from_iso("2020-07-02T20:00+02:00")
# The extension reaches the card meters on Monday, a day ahead of the date that it moves.
EXTENSION_FROM_MS: Final = ms_from_iso("2020-06-29T08:00+02:00")
EXTENSION_UNTIL_MS: Final = ms_from_iso("2020-06-29T20:00+02:00")
PLANNED_CUT_MS: Final = ms_from_iso("2020-07-03T23:01+02:00")
PLANNED_CUT: Final = "july-3"

# -- the wrong date ------------------------------------------------------------------------------------
LIE_MS: Final = ms_from_iso("2020-07-02T22:59+02:00")
LIE_ENDS_MS: Final = ms_from_iso("2020-07-03T09:00+02:00")
LIE_OFFSET_MS: Final = DAY_MS
# The end of the night: the offices open.
NIGHT_ENDS_MS: Final = ms_from_iso("2020-07-03T08:00+02:00")

# -- the offices ---------------------------------------------------------------------------------------
OFFICES: Final = (
    "Montignies-sur-Sambre",
    "Frameries",
    "Mouscron",
    "Leuze-en-Hainaut",
    "Verviers",
    "Eupen",
    "Saint-Vith",
    "Arlon",
    "Aye",
    "Namur",
    "Louvain-la-Neuve",
)
OFFICE_HOURS: Final = "weekdays 08:00-18:00"
CARD_MS: Final = 90 * SECOND_MS
WAY_HOME_MS: Final = 30 * MINUTE_MS

# -- the guarded fleet's orders ------------------------------------------------------------------------
CALENDAR_RULE: Final = "mon-thu 08:00-15:00"
CALENDAR: Final = "season-2020"
CALENDAR_UNTIL_MS: Final = ms_from_iso("2020-09-01T00:00+02:00")
MORATORIUM: Final = "covid-2020"
CALENDAR_SET_MS: Final = START_MS + 5 * MINUTE_MS
DECLARED_MS: Final = START_MS + 10 * MINUTE_MS
FLAGS_MS: Final = START_MS + 15 * MINUTE_MS
EXTENDED_MS: Final = ms_from_iso("2020-06-30T10:00+02:00")
EXTENDED_AGAIN_MS: Final = ms_from_iso("2020-07-03T10:00+02:00")
MORATORIUM_ENDS_MS: Final = ms_from_iso("2020-07-06T08:00+02:00")
PLANNED_SIGNED_MS: Final = ms_from_iso("2020-07-03T14:00+02:00")
PLANNED_UNTIL_MS: Final = ms_from_iso("2020-07-06T15:00+02:00")

# -- act two -------------------------------------------------------------------------------------------
WRONG_CUT_MS: Final = ms_from_iso("2020-07-06T10:00+02:00")
WRONG_CUT_UNTIL_MS: Final = ms_from_iso("2020-07-06T15:00+02:00")
WRONG_CUT: Final = "arrears"
RELEASE_MS: Final = ms_from_iso("2020-07-06T11:45+02:00")
RELEASE_HOURS: Final = 72
# Stepped time continues from here after the release has been measured, however long that took.
AFTER_RELEASE_MS: Final = RELEASE_MS + 5 * MINUTE_MS


@unique
class Whose(StrEnum):
    """The fleet that an entry of the timeline is about."""

    BOTH = "both"
    CARD = "card"
    GUARDED = "guarded"


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One event of the timeline, with its text in the report."""

    at_ms: int
    whose: Whose
    text: str


TIMELINE: Final = (
    TimelineEntry(
        START_MS,
        Whose.BOTH,
        "The replay begins. The moratorium of March is in its last days: energy flows on credit, nobody "
        "may be cut. Households have been asked since 4 June to pass their card again.",
    ),
    TimelineEntry(
        EXTENSION_FROM_MS,
        Whose.CARD,
        "Whoever has not done so yet gets three more days: the date of the cut in the meter is moved from "
        "30 June to Friday 3 July, 23:01, by card.",
    ),
    TimelineEntry(
        EXTENDED_MS,
        Whose.GUARDED,
        "One person extends the moratorium to 3 July, 23:01. Every meter confirms that it has stored it.",
    ),
    TimelineEntry(
        LIE_MS,
        Whose.BOTH,
        "A wrong date goes out, 24 hours ahead. The card meters take it as it comes. The guarded meters "
        "hear it from one of their two time services, and note that the other one says something else.",
    ),
    TimelineEntry(
        NIGHT_ENDS_MS,
        Whose.CARD,
        "Eleven offices open. Ninety seconds a card, and the way home.",
    ),
    TimelineEntry(
        LIE_ENDS_MS,
        Whose.GUARDED,
        "The time service is put right.",
    ),
    TimelineEntry(
        EXTENDED_AGAIN_MS,
        Whose.GUARDED,
        "One person extends the moratorium again, to Monday 6 July, 08:00.",
    ),
    TimelineEntry(
        PLANNED_SIGNED_MS,
        Whose.GUARDED,
        "A cut from Friday 23:01 on is planned for whoever has not reactivated. The controller refuses it "
        "in words. For the demo two people sign it all the same: the meters take it, and wait for Monday.",
    ),
    TimelineEntry(
        PLANNED_CUT_MS,
        Whose.BOTH,
        "The instant the cut was planned for: a Friday, 23:01. Card meters whose date is still right cut "
        "now, before a weekend with closed offices. Guarded meters do nothing.",
    ),
    TimelineEntry(
        MORATORIUM_ENDS_MS,
        Whose.GUARDED,
        "The moratorium is over, the window for cuts opens and so do the offices. Households without "
        "reactivation or without credit are cut now, after a warning, in daylight.",
    ),
    TimelineEntry(
        WRONG_CUT_MS,
        Whose.GUARDED,
        "Act two. Two people sign a cut for a few households; the list that goes with it holds two of "
        "every five of the fleet. Their meters warn for an hour, then obey.",
    ),
    TimelineEntry(
        RELEASE_MS,
        Whose.GUARDED,
        "One person sends the release, to everybody.",
    ),
    TimelineEntry(END_MS, Whose.BOTH, "The replay ends."),
)

# What the demo assumes because no source says it. The report lists it.
ASSUMED: Final = (
    (
        "Which of the meters' faults was at work is not known. The card fleet here is a mixture: 45 of 100 "
        "meters have none, the others one or two of the faults that real meters are known to have had."
    ),
    "The wrong date of 2 July, 22:59 is set on seven of ten card meters, whatever their faults.",
    (
        "Nine of ten households passed their card again by 2 July. For four of a hundred that card carried "
        "the extension as well: the new date took the place of the old one, and the cancellation found "
        "nothing to cancel. They were in order, on paper."
    ),
    "The extension was written on Monday 29 June, before any first date could fire.",
    (
        "The eleven offices are open on weekdays from 08:00 to 18:00 and closed at the weekend. Most of "
        "those cut in the night stand at the door at opening, the others come in the course of the "
        "morning; the way home takes half an hour. The real offices had some fifty times as many people in "
        "their queues."
    ),
    (
        "Whoever a card meter cuts for credit presses its button a quarter of an hour later. When the "
        "emergency credit is used up too they buy 20 € the next time a shop is open; a household that owes "
        "more than that stays in the dark."
    ),
    "On 3 July six of ten households that were still waiting for the planned cut reactivate after all.",
    "Each meter asks both time services every second day; two of ten ask in the hours of the wrong date.",
)
