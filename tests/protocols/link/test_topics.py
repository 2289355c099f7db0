"""A topic and what it names are one thing; what is not exactly ours is nobody's; filters fit the topics."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.limits import ID_CHARS_MAX
from protocols.link.topics import (
    CARRIAGE,
    OF_KIOSK,
    PREFIX,
    Channel,
    Place,
    controller_filters,
    kiosk_filters,
    link_filters,
    place_of,
    time_filters,
    topic_of,
)
from tests.protocols.link.link_messages import IDS

OF_LINK = [Channel.STATUS, Channel.READINGS, Channel.SYNC, Channel.ACKS]
OF_ALL = [Channel.FLEET_ORDERS, Channel.CONTROLLER, Channel.TIMESERVER]
OF_SERVICE = [Channel.SERVICE_ASK, Channel.SERVICE_ANSWER, Channel.MARK]
OF_METER = [c for c in Channel if c not in (*OF_LINK, *OF_ALL, *OF_SERVICE, *OF_KIOSK)]

PLACES = (
    st.builds(Place, st.just(Channel.FLEET_ORDERS), order=IDS)
    | st.builds(Place, st.sampled_from([Channel.CONTROLLER, Channel.TIMESERVER]))
    | st.builds(Place, st.sampled_from(OF_LINK), link=IDS)
    | st.builds(Place, st.sampled_from(OF_METER), link=IDS, meter=IDS)
    | st.builds(Place, st.sampled_from(OF_KIOSK), kiosk=IDS)
)
BETWEEN = st.builds(Place, st.sampled_from(OF_SERVICE))


def matches(topic_filter: str, topic: str) -> bool:
    """MQTT 5 §4.7, for filters whose only wildcard is `+`."""
    parts, names = topic_filter.split("/"), topic.split("/")
    return len(parts) == len(names) and all(
        part in ("+", name) for part, name in zip(parts, names, strict=True)
    )


@given(place=PLACES | BETWEEN)
def test_a_topic_names_the_place_it_was_made_from(place: Place) -> None:
    assert place_of(topic_of(place)) == place


WORDS = st.sampled_from(
    [
        "relance",
        "v1",
        "links",
        "meters",
        "fleet",
        "orders",
        "controller",
        "status",
        "time",
        "ask",
        "m1",
        "kiosks",
        "",
    ]
)
STRANGE = st.text(st.characters(codec="utf-8"), max_size=8)


@given(
    topic=st.lists(WORDS | STRANGE, max_size=9).map("/".join)
    | st.lists(WORDS, max_size=6).map(lambda parts: "/".join([PREFIX, *parts]))
)
def test_an_accepted_topic_is_spelt_exactly_as_we_write_it(topic: str) -> None:
    place = place_of(topic)
    assert place is None or topic_of(place) == topic


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "/",
        PREFIX,
        f"{PREFIX}/",
        f"/{PREFIX}/links/l/status",
        f"{PREFIX}/links/l/status/",
        f"{PREFIX}//links/l/status",
        "relance/v2/links/l/status",
        f"{PREFIX}/links//status",
        f"{PREFIX}/links/l/orders",
        f"{PREFIX}/links/l/fleet/orders",
        f"{PREFIX}/links/l/meters/m",
        f"{PREFIX}/links/l/meters/m/",
        f"{PREFIX}/links/l/meters/m/status",
        f"{PREFIX}/links/l/meters/m/time",
        f"{PREFIX}/links/l/meters/m/time/ask/now",
        f"{PREFIX}/links/l/meters/m/fleet/orders",
        f"{PREFIX}/links/l/meters//orders",
        f"{PREFIX}/links/../meters/m/orders",
        f"{PREFIX}/links/l/meters/m\n/orders",
        f"{PREFIX}/links/l/meters/m/orders\n",
        f"{PREFIX}/links/{'l' * (ID_CHARS_MAX + 1)}/status",
        f"{PREFIX}/controller/time",
        f"{PREFIX}/kiosks/k/readings",
        f"{PREFIX}/kiosks//status",
        f"{PREFIX}/kiosks/k/time",
        f"{PREFIX}/kiosk/k/status",
        f"{PREFIX}/controller/time/ask/now",
        f"{PREFIX}/controller/ask",
        f"{PREFIX}/fleet/orders",
        f"{PREFIX}/fleet/orders/",
        f"{PREFIX}/fleet/orders/é",
        f"{PREFIX}/fleet/orders/+",
        "$SYS/broker/uptime",
    ],
)
def test_a_topic_that_is_not_exactly_ours_names_no_place(topic: str) -> None:
    assert place_of(topic) is None


def comes_down(place: Place) -> bool:
    """Whether a link is to hear it. Timeservers speak among themselves, kiosks have topics of their own."""
    apart = place.channel is Channel.TIMESERVER or place.channel in OF_KIOSK
    return not CARRIAGE[place.channel].upward and not apart


@given(place=PLACES, link=IDS)
def test_a_link_hears_nothing_of_other_links(place: Place, link: str) -> None:
    hears = any(matches(each, topic_of(place)) for each in link_filters(link))
    assert hears == (comes_down(place) and place.link in ("", link))


@given(place=PLACES)
def test_a_link_hears_all_that_comes_down_to_it(place: Place) -> None:
    hears = sum(matches(each, topic_of(place)) for each in link_filters(place.link))
    assert hears == comes_down(place)


@given(place=PLACES)
def test_the_controller_hears_all_that_goes_up_and_nothing_that_comes_down(place: Place) -> None:
    hears = sum(matches(each, topic_of(place)) for each in controller_filters())
    assert hears == CARRIAGE[place.channel].upward


@given(place=PLACES | BETWEEN)
def test_a_time_authority_hears_questions_and_nothing_else(place: Place) -> None:
    hears = any(matches(each, topic_of(place)) for each in time_filters())
    assert hears == (place.channel in {Channel.TIME_ASK, Channel.SERVICE_ASK, Channel.KIOSK_ASK})


@given(place=PLACES | BETWEEN, kiosk=IDS)
def test_a_kiosk_hears_what_comes_down_to_it_and_the_controllers_births(place: Place, kiosk: str) -> None:
    hears = any(matches(each, topic_of(place)) for each in kiosk_filters(kiosk))
    own = place.channel in OF_KIOSK and not CARRIAGE[place.channel].upward and place.kiosk == kiosk
    assert hears == (own or place.channel is Channel.CONTROLLER)


@given(place=BETWEEN, link=IDS)
def test_no_link_hears_what_programs_say_to_each_other_or_to_themselves(place: Place, link: str) -> None:
    assert not any(matches(each, topic_of(place)) for each in link_filters(link))
    hears = any(matches(each, topic_of(place)) for each in controller_filters())
    assert hears == (place.channel in {Channel.SERVICE_ANSWER, Channel.MARK})


def test_every_channel_says_how_it_is_carried_and_only_few_are_retained() -> None:
    """Retained: protection for the fleet, who is online, how far a store has counted. Harm expires."""
    assert CARRIAGE.keys() == set(Channel)
    births = {Channel.CONTROLLER, Channel.TIMESERVER, Channel.STATUS, Channel.KIOSK_STATUS}
    kept = {Channel.FLEET_ORDERS, Channel.MARK, *births}
    assert {c for c, how in CARRIAGE.items() if how.retain} == kept
    assert {c for c, how in CARRIAGE.items() if how.expiry_s is None} == kept
    assert {how.qos for how in CARRIAGE.values()} == {1}


@pytest.mark.parametrize(
    ("channel", "topic"),
    [
        (Channel.FLEET_ORDERS, "relance/v1/fleet/orders/o-1"),
        (Channel.TIMESERVER, "relance/v1/timeserver/status"),
        (Channel.STATUS, "relance/v1/links/link-1/status"),
        (Channel.READINGS, "relance/v1/links/link-1/readings"),
        (Channel.SYNC, "relance/v1/links/link-1/sync"),
        (Channel.ORDERS, "relance/v1/links/link-1/meters/m00001/orders"),
        (Channel.RECEIPTS, "relance/v1/links/link-1/meters/m00001/receipts"),
        (Channel.REPORTED, "relance/v1/links/link-1/meters/m00001/reported"),
        (Channel.EVENTS, "relance/v1/links/link-1/meters/m00001/events"),
        (Channel.TIME_ASK, "relance/v1/links/link-1/meters/m00001/time/ask"),
        (Channel.TIME_ANSWER, "relance/v1/links/link-1/meters/m00001/time/answer"),
        (Channel.SERVICE_ASK, "relance/v1/controller/time/ask"),
        (Channel.SERVICE_ANSWER, "relance/v1/controller/time/answer"),
        (Channel.MARK, "relance/v1/controller/mark"),
    ],
)
def test_topics_are_spelt_as_the_design_has_them(channel: Channel, topic: str) -> None:
    assert topic_of(Place(channel, link="link-1", meter="m00001", order="o-1")) == topic
    assert re.fullmatch(r"[a-z0-9/-]+", topic)
