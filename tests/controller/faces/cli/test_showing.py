"""Programs get each instant twice: in milliseconds and in ISO 8601."""

import json

from controller.faces.cli.showing import instants


def test_an_unknown_instant_is_null_for_programs() -> None:
    assert instants(until=None) == {"until_ms": None, "until": None}


def test_programs_get_an_instant_twice() -> None:
    assert json.dumps(instants(until=0)) == '{"until_ms": 0, "until": "1970-01-01T00:00:00Z"}'
