"""What is said of a fleet's connections: once at each change that a person cares about."""

from emulator.cli.fleet_view import ConnectionWatch, FleetState


def state(online: int, links: int = 4, meters: int = 1_200) -> FleetState:
    return FleetState(0, meters, links, online, {}, {}, 0, 0)


def said(*seen: tuple[float, FleetState]) -> list[str | None]:
    watch = ConnectionWatch()
    return [watch.said(each, at_s) for at_s, each in seen]


def test_connected_lost_and_connected_again() -> None:
    assert said(
        (0.0, state(4)), (0.5, state(4)), (1.0, state(3)), (1.5, state(0)), (2.0, state(0)), (13.2, state(4))
    ) == [
        "connected: 4 links, 1,200 meters",
        None,
        "connection lost: 3 of 4 links online",
        "connection lost: 0 of 4 links online",
        None,
        "connected again after 12 s: 4 links, 1,200 meters",
    ]


def test_a_second_loss_is_counted_from_its_own_beginning() -> None:
    *_, again = said((0.0, state(4)), (1.0, state(0)), (2.0, state(4)), (100.0, state(0)), (103.0, state(4)))
    assert again == "connected again after 3 s: 4 links, 1,200 meters"


def test_one_link_of_one_meter_is_told_in_the_singular() -> None:
    assert said((0.0, state(1, links=1, meters=1))) == ["connected: 1 link, 1 meter"]


def test_card_meters_have_no_connection_to_tell_of() -> None:
    assert said((0.0, state(0, links=0))) == [None]
