"""What earlier versions of the program left behind, an era a folder in `eras.tar.xz`, named by its commit.

Each folder is one conversation on mosquitto, recorded whole: `serve`, `timeserver` and a fleet of six meters
on two links with their memory, all of that commit, while two people declared, released, paid, flagged, set a
calendar, ordered two cuts, cancelled one and lifted. `mixed` has the fleet of 50b6e47 and the controller of
the commit "limits: take instants up to 2200-01-01".

- `home/`: root, keys and store, as that version left them; `fleet/`: its images and black boxes;
- `words.jsonl`: every message on the broker: when (seconds), topic, retained or not, payload (hexadecimal);
- `answers.json`: what the commands of that version said of this store; `asyncapi.yaml`: how it described
  its messages.

In the audits the home's path was shortened to a name, and their chains were computed anew. Nothing else was
touched, and nothing is ever recorded again: what old programs wrote must stay readable.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from controller.exchange.sync_answer import RootSent
from emulator.population.plan import FleetPlan
from emulator.population.shipped import shipped_profiles
from protocols.documents.kind_rule import Role
from protocols.documents.roles import Root, open_first_root
from protocols.instants import UtcMs
from protocols.link.births import open_birth
from protocols.link.messages import ControllerStatus, read_message
from protocols.link.topics import Channel, Place, place_of

ERAS_FILE: Final = Path(__file__).parent / "eras.tar.xz"
# Commit, and the schema of its store.
SCHEMAS: Final = {
    "50b6e47": "0002",
    "0991319": "0004",
    "e237f3c": "0005",
    "ff8efbf": "0006",
    "65f6bef": "0007",
    "1bba433": "0008",
}
MIXED: Final = "mixed"
# From here on meters name the digest of a document in their receipts, so that an order can be effective.
PROVING: Final = ("ff8efbf", "65f6bef", "1bba433")
PASSPHRASE: Final = "lamps-stay-lit-tonight"


@dataclass(frozen=True, slots=True)
class Era:
    """One folder of the recording."""

    folder: Path

    @property
    def root(self) -> Root:
        return open_first_root((self.folder / "home" / "root.json").read_bytes())

    @property
    def root_sent(self) -> RootSent:
        return RootSent(self.root.version, (self.folder / "home" / "root.json").read_bytes())

    @property
    def fleet_key(self) -> bytes:
        return bytes.fromhex((self.folder / "home" / "fleet.key").read_text().strip())

    @property
    def answers(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "answers.json").read_bytes())
        return found

    def plan(self) -> FleetPlan:
        """The households of that fleet."""
        said = json.loads((self.folder / "fleet" / "fleet.json").read_bytes())
        return FleetPlan(said["meters"], said["links"], said["seed"], shipped_profiles()[said["profile"]])

    def words(self) -> Iterator[tuple[UtcMs, Place, bytes]]:
        """Every message as it came: when, where, what."""
        for line in (self.folder / "words.jsonl").read_text().splitlines():
            said = json.loads(line)
            place = place_of(said["topic"])
            assert place is not None, said["topic"]
            yield UtcMs(int(Decimal(said["at"]) * 1000)), place, bytes.fromhex(said["hex"])

    def nonce(self) -> str:
        """That of the controller's birth; empty where births had none."""
        keys = {
            keyid: bytes.fromhex(self.root.keys[keyid].public) for keyid in self.root.roles[Role.LEASE].keyids
        }
        for _, place, payload in self.words():
            if place.channel is Channel.CONTROLLER:
                birth = open_birth(read_message(payload, ControllerStatus), keys)
                return "" if birth is None else birth.nonce
        raise AssertionError("the controller was never born")
