"""The settings of a controller: its home folder, database and broker (design §6).

Each comes from an option of the command, else from the environment, else from a default:

| option       | environment        | default                                                   |
|--------------|--------------------|-----------------------------------------------------------|
| `--home`     | `RELANCE_HOME`     | `$XDG_DATA_HOME/relance`, or `~/.local/share/relance`     |
| `--database` | `RELANCE_DATABASE` | `sqlite:///HOME/relance.db`                               |
| `--broker`   | `RELANCE_BROKER`   | `mqtt://127.0.0.1:1883`                                   |
| `--tls`      | `RELANCE_TLS`      | `HOME/broker/serve`, for a broker at `mqtts://`           |

`RELANCE_PASSPHRASE` opens keys. It has no option, since everybody on the machine can see arguments.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from protocols.errors import InputError, quoted
from protocols.reasons import Source

BROKER_DEFAULT: Final = "mqtt://127.0.0.1:1883"
# A folder with this file is a controller's home.
ROOT_FILE: Final = "root.json"
# Beside it: every root that was in force, an envelope a line.
ROOTS_FILE: Final = "roots.jsonl"
ISSUERS_FILE: Final = "issuers.json"


@dataclass(frozen=True, slots=True)
class Settings:
    """Where a command finds home, database and broker; see `settings_from`."""

    home: Path
    database: str
    broker: str
    tls: Path | None = None

    def credentials(self, program: str) -> str:
        """The folder of a program's credentials for a broker at `mqtts://`; see `relance broker config`."""
        return str(self.tls or self.home / "broker" / program)

    @property
    def keys(self) -> Path:
        """The folder of private keys."""
        return self.home / "keys"

    @property
    def root(self) -> Path:
        """The sealed root document."""
        return self.home / ROOT_FILE

    @property
    def issuers(self) -> Path:
        """The sealed issuers document, for fleets that are made from this home."""
        return self.home / ISSUERS_FILE

    @property
    def mark(self) -> Path:
        """How far the store has counted, signed by the service."""
        return self.home / "mark.json"

    @property
    def privacy(self) -> Path:
        """For how long personal data is kept, where the home says it."""
        return self.home / "privacy.toml"

    @property
    def roots(self) -> Path:
        """The roots that were in force, for a timeserver's machine that missed some."""
        return self.root.with_name(ROOTS_FILE)

    @property
    def fleet_key(self) -> Path:
        """The secret from which every meter's own key is derived."""
        return self.home / "fleet.key"

    def later_fleet_key(self, generation: int) -> Path:
        """The fleet's secret of a generation after the first one."""
        return self.home / f"fleet.{generation}.key"

    def asks_key(self, source: Source) -> Path:
        """The secret with which one time authority checks the asks that are addressed to it."""
        return self.home / f"{source}.asks"


def settings_from(
    environment: Mapping[str, str],
    home: Path | None = None,
    database: str | None = None,
    broker: str | None = None,
    tls: Path | None = None,
) -> Settings:
    """The settings from options (None: not given) and environment; an empty variable counts as not set.

    Raises InputError for a home that cannot be printed. Addresses are not checked here: `database.engine` and
    `protocols.link.carriage` do that.
    """
    home = home or _path_in(environment, "RELANCE_HOME") or _home_default(environment)
    home = home.expanduser().absolute()
    if not str(home).isprintable():
        # Such a path could stand neither in a line nor in JSON.
        raise InputError(f"home {quoted(str(home))}; allowed: a path of printable characters in UTF-8")
    return Settings(
        home=home,
        database=database or environment.get("RELANCE_DATABASE") or f"sqlite:///{home / 'relance.db'}",
        broker=broker or environment.get("RELANCE_BROKER") or BROKER_DEFAULT,
        tls=tls or _path_in(environment, "RELANCE_TLS"),
    )


def _home_default(environment: Mapping[str, str]) -> Path:
    data = _path_in(environment, "XDG_DATA_HOME")
    # XDG Base Directory Specification: a relative path is invalid and must be ignored.
    folder = data if data is not None and data.is_absolute() else Path("~/.local/share")
    return folder / "relance"


def _path_in(environment: Mapping[str, str], name: str) -> Path | None:
    text = environment.get(name)
    return Path(text) if text else None
