"""Hypothesis strategies for the messages of a link, one for each channel."""

import msgspec
from hypothesis import strategies as st

from protocols.documents.bodies import Named
from protocols.limits import INSTANT_MS_MAX, INSTANT_MS_MIN, REV_MAX
from protocols.link.messages import (
    WITNESSES_MAX,
    CalendarHeld,
    MeterEvent,
    MeterHolds,
    Reading,
    Readings,
    Receipt,
    Reported,
    StatementHeld,
    Status,
    Sync,
    TimeAsk,
    Witness,
)
from protocols.link.question import Evidence, Flags, HoldSpan, Interval, Permission, Question
from protocols.link.records import (
    ClaimHeard,
    ClockChanged,
    CreditChanged,
    FaultShown,
    GateJudged,
    OrderJudged,
    ScreenShown,
    SupplyChanged,
    WarningShown,
)
from protocols.reasons import (
    Because,
    ClaimSource,
    ClaimVerdict,
    ClockCause,
    ClockStatus,
    CreditCause,
    Energy,
    OrderVerdict,
    ScreenCode,
    Source,
    Supply,
    SupplyReason,
)
from protocols.spans import Window

# A household without credit, in a window, with a lease: one to ask the gate about.
QUESTION = Question(
    SupplyReason.CREDIT,
    Interval(ClockStatus.TRUSTED, 1_594_000_010_000, 1_594_000_012_000),
    Permission((Window(1_594_000_000_000, 1_594_000_020_000),), 1_594_000_100_000, complete=True),
    (),
    Evidence(nothing_left=True),
    Flags(),
)
IDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)
OBJECTS = st.from_regex(r"(hold|flag|release)/[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
# What every JSON reader keeps exactly.
NUMBERS = st.integers(min_value=-REV_MAX, max_value=REV_MAX)
COUNTS = st.integers(min_value=0, max_value=REV_MAX)
REVS = st.integers(min_value=1, max_value=REV_MAX)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=64)
HEX = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)

STATUSES = st.builds(Status, link=IDS, online=st.booleans(), sequence=COUNTS, meters=COUNTS)
READINGS = st.builds(
    Readings,
    link=IDS,
    readings=st.lists(
        st.builds(
            Reading,
            meter=IDS,
            number=COUNTS,
            time_ms=NUMBERS,
            energy_wh=COUNTS,
            balance_ueur=NUMBERS,
            supply=st.sampled_from(Supply),
        ),
        max_size=5,
    ).map(tuple),
)
HOLDINGS = st.builds(
    MeterHolds,
    meter=IDS,
    energy=st.sampled_from(Energy),
    firmware=TEXTS,
    profile=TEXTS,
    supply=st.sampled_from(Supply),
    clock=st.sampled_from(ClockStatus),
    protections=st.lists(
        st.builds(Named, object=OBJECTS, floor=COUNTS, revs=st.lists(REVS, max_size=3).map(tuple)),
        max_size=3,
    ).map(tuple),
    calendars=st.lists(st.builds(CalendarHeld, object=TEXTS, rev=REVS, digest=HEX), max_size=2).map(tuple),
    lease_rev=COUNTS,
    lease_ends_ms=NUMBERS,
    statements=st.lists(
        st.builds(StatementHeld, issuer=TEXTS, number=COUNTS, total_ueur=COUNTS, epoch=COUNTS), max_size=2
    ).map(tuple),
    cut_orders=st.lists(TEXTS, max_size=2).map(tuple),
    tombstones=st.lists(TEXTS, max_size=2).map(tuple),
    root_version=COUNTS,
    issuers_version=COUNTS | st.just(msgspec.UNSET),
)
SYNCS = st.builds(Sync, link=IDS, meters=st.lists(HOLDINGS, max_size=2).map(tuple), more=st.booleans())
TIME_ASKS = st.builds(TimeAsk, meter=IDS, source=st.sampled_from(Source), nonce=TEXTS)
RECEIPTS = st.builds(
    Receipt,
    meter=IDS,
    order=TEXTS,
    kind=TEXTS,
    object=TEXTS,
    rev=COUNTS,
    verdict=st.sampled_from(OrderVerdict),
    reason=TEXTS,
    number=COUNTS,
)
WITNESSES = st.builds(
    Witness,
    source=st.sampled_from(Source),
    fresh=st.booleans(),
    agrees=st.booleans(),
    heard_ms=NUMBERS,
    offset_ms=NUMBERS,
)
REPORTEDS = st.builds(
    Reported,
    meter=IDS,
    number=COUNTS,
    journal=COUNTS,
    supply=st.sampled_from(Supply),
    reason=st.sampled_from(SupplyReason),
    clock=st.sampled_from(ClockStatus),
    earliest_ms=NUMBERS,
    latest_ms=st.none() | NUMBERS,
    time_ms=NUMBERS,
    balance_ueur=NUMBERS,
    emergency_ueur=COUNTS,
    next_possible_ms=st.none() | NUMBERS,
    dispute_nonce=TEXTS,
    code=TEXTS,
    witnesses=st.lists(WITNESSES, max_size=WITNESSES_MAX).map(tuple),
)
CHANGES = st.builds(SupplyChanged, *map(st.sampled_from, (Supply, Supply, SupplyReason)))
CLAIMS = st.builds(
    ClaimHeard, st.sampled_from(ClaimSource), st.sampled_from(ClaimVerdict), st.none() | NUMBERS, NUMBERS
)
CLOCKS = st.builds(
    ClockChanged,
    st.sampled_from(ClockStatus),
    NUMBERS,
    st.none() | NUMBERS,
    st.sampled_from(ClockCause),
    TEXTS,
)
ORDERS = st.builds(OrderJudged, TEXTS, TEXTS, TEXTS, COUNTS, st.sampled_from(OrderVerdict), TEXTS)
CREDITS = st.builds(CreditChanged, NUMBERS, NUMBERS, st.sampled_from(CreditCause))
WARNINGS = st.builds(WarningShown, st.sampled_from(SupplyReason), COUNTS)
SCREENS = st.builds(ScreenShown, TEXTS, st.sampled_from(ScreenCode))
INSTANTS = st.integers(INSTANT_MS_MIN, INSTANT_MS_MAX)
QUESTIONS = st.builds(
    Question,
    st.sampled_from(SupplyReason),
    st.builds(Interval, st.sampled_from(ClockStatus), NUMBERS, st.none() | NUMBERS),
    st.builds(
        Permission,
        st.lists(st.builds(Window, INSTANTS, INSTANTS), max_size=2).map(tuple),
        st.none() | NUMBERS,
        st.booleans(),
    ),
    st.lists(st.builds(HoldSpan, OBJECTS, NUMBERS, NUMBERS), max_size=2).map(tuple),
    st.builds(Evidence, st.booleans(), st.booleans(), NUMBERS, NUMBERS, st.booleans()),
    st.builds(Flags, st.booleans()),
)
VERDICTS = st.builds(GateJudged, st.booleans(), st.sampled_from(Because), QUESTIONS)
FAULTS = st.builds(FaultShown, TEXTS, TEXTS)
RECORDS = st.one_of(CHANGES, CLAIMS, CLOCKS, ORDERS, CREDITS, WARNINGS, SCREENS, VERDICTS, FAULTS)
EVENTS = st.builds(
    MeterEvent,
    meter=IDS,
    number=COUNTS,
    time_ms=NUMBERS,
    record=RECORDS.map(lambda record: msgspec.Raw(msgspec.json.encode(record))),
)
MESSAGES = STATUSES | READINGS | SYNCS | TIME_ASKS
REPORTS = RECEIPTS | REPORTEDS | EVENTS
