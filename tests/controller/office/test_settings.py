"""Settings: an option overrides the environment, the environment overrides the default."""

from pathlib import Path

from controller.office.settings import settings_from

HERE = Path("/srv/relance")


def test_the_defaults_are_those_that_are_written_down() -> None:
    found = settings_from({})
    assert found.home == Path("~/.local/share/relance").expanduser()
    assert found.database == f"sqlite:///{found.home}/relance.db"
    assert found.broker == "mqtt://127.0.0.1:1883"
    assert settings_from({"XDG_DATA_HOME": "/data"}).home == Path("/data/relance")
    assert settings_from({"XDG_DATA_HOME": "data"}).home == found.home


def test_an_option_wins_over_the_environment_and_that_over_the_default() -> None:
    environment = {
        "RELANCE_HOME": "/srv/relance",
        "RELANCE_DATABASE": "postgresql://db/relance",
        "RELANCE_BROKER": "mqtt://broker",
    }
    found = settings_from(environment)
    assert (found.home, found.database, found.broker) == (HERE, *list(environment.values())[1:])
    given = settings_from(environment, Path("/srv/x"), "sqlite:////srv/y.db", "mqtt://[::1]:1884")
    assert (given.home, given.database, given.broker) == (
        Path("/srv/x"),
        "sqlite:////srv/y.db",
        "mqtt://[::1]:1884",
    )


def test_an_empty_variable_counts_as_not_set() -> None:
    empty = {"RELANCE_HOME": "", "RELANCE_DATABASE": "", "RELANCE_BROKER": ""}
    assert settings_from(empty) == settings_from({})
