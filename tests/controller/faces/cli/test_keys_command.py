"""`relance keys`: what is made, what waits for a second person, and who is still on which key."""

from pathlib import Path

import pytest

from controller.office.fleet_keys import find_generation, load_asks, load_generations
from controller.office.settings import settings_from
from protocols.errors import InputError
from protocols.link.keys import asks_key
from protocols.reasons import Source
from tests.controller.faces.cli.invocation import call


def generations(home: Path) -> list[int]:
    return list(load_generations(settings_from({}, home)))


def test_a_new_generation_waits_for_a_second_person_and_is_made_once(home: Path) -> None:
    assert call(home, "keys", "status", "--json").found["generations"] == [1]
    first = call(home, "keys", "rotate", "--fleet", "--as", "anne", "--json")
    assert (first.status, first.found["state"], first.found["generation"]) == (0, "draft", 2)
    again = call(home, "keys", "rotate", "--fleet", "--as", "anne", "--json")
    assert (again.found["id"], generations(home)) == (first.found["id"], [1, 2])
    assert call(home, "keys", "status", "--json").found["signing"] == 2
    order = first.found["id"]
    assert call(home, "orders", "sign", str(order), "--as", "anne").status == 1, "one person is not two"
    signed = call(home, "orders", "sign", str(order), "--as", "bart", "--json")
    assert (signed.status, signed.found["state"]) == (0, "active")
    assert call(home, "keys", "status", "--json").found["ordered"] == 2
    further = call(home, "keys", "rotate", "--fleet", "--again", "--as", "anne", "--json")
    assert (further.found["generation"], generations(home)) == (3, [1, 2, 3])


def test_a_command_that_was_killed_before_its_order_goes_on_with_its_file(home: Path) -> None:
    settings = settings_from({}, home)
    order = call(home, "keys", "rotate", "--fleet", "--as", "anne", "--json").found["id"]
    assert call(home, "orders", "withdraw", str(order), "--as", "anne").status == 0
    secret = find_generation(settings, 2)
    assert call(home, "keys", "rotate", "--fleet", "--as", "anne", "--json").found["generation"] == 2
    assert (find_generation(settings, 2), generations(home)) == (secret, [1, 2])
    keys = load_generations(settings)
    wanted = tuple(asks_key(keys[number], Source.TIMESERVER) for number in (1, 2))
    assert load_asks(settings.asks_key(Source.TIMESERVER)) == wanted
    assert settings.later_fleet_key(2).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("argv", "status", "said"),
    [
        ((), 2, "METER..., or --fleet, one of the two"),
        (("--fleet", "m1"), 2, "METER..., or --fleet, one of the two"),
        (("m/1",), 2, "METER"),
        (("nobody",), 1, "nobody"),
        (tuple(f"m{number}" for number in range(101)), 2, "101 of them; allowed: at most 100, or --fleet"),
    ],
)
def test_wrong_words_change_nothing(home: Path, argv: tuple[str, ...], status: int, said: str) -> None:
    ended = call(home, "keys", "rotate", *argv, "--as", "anne")
    assert ended.status == status, ended
    assert said in ended.one_line()
    assert generations(home) == [1]


@pytest.mark.parametrize("text", ["", "00", "zz" * 32, "00" * 32 + "\n" + "00" * 31])
def test_a_malformed_file_of_asks_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "timeserver.asks"
    path.write_text(text)
    with pytest.raises(InputError, match="allowed: a line of 32 bytes as hex for each generation"):
        load_asks(path)


def test_several_orders_are_signed_at_once_or_none(home: Path) -> None:
    made = [
        call(home, "keys", "rotate", "--fleet", *more, "--as", "anne", "--json").found["id"]
        for more in ((), ("--again",))
    ]
    wrong = call(home, "orders", "sign", *made, "o999999", "--as", "bart")
    assert (wrong.status, "o999999" in wrong.one_line()) == (1, True)
    states = [each["state"] for each in call(home, "orders", "list", "--json").found["orders"]]
    assert states == ["draft", "draft"]
    signed = call(home, "orders", "sign", *made, "--as", "bart", "--json")
    assert [each["id"] for each in signed.found["orders"]] == made
    assert signed.found["orders"][1]["state"] == "active"
