"""One guarded meter in a file, for a shell: between two commands it has counted on, and drawn its load.

The file is its image with what no image holds: which meter it is, and when it was commissioned. It is written
whenever the meter says so, before anything that follows; so a kill leaves what the meter has promised, or
what it was about to promise. The black box is not kept but for its head: its numbers go on.
"""

import os
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

import msgspec
from msgspec import Struct

from cardreader.readers.locked_file import opened, replaced
from emulator.firmware.effects import Effect, Persist
from emulator.firmware.events import Event
from emulator.firmware.guarded.meter import GuardedMeter
from emulator.firmware.profile import Profile
from emulator.firmware.ticks import Tick
from emulator.fleet.building import FleetSecrets, identity_of
from protocols.chain import GENESIS, Head
from protocols.errors import InputError, RelanceError
from protocols.instants import UtcMs
from protocols.reasons import Energy

# An image has some 10 KiB at most, a calendar of a season included.
_FILE_BYTES_MAX: Final = 1024 * 1024


class KeptMeter(Struct, frozen=True, kw_only=True):
    """What the file holds. `origin_ms`: when the counter of ticks was 0. `image` None: no image yet."""

    meter: str
    profile: str
    energy: Energy
    load_w: int
    balance_q: int
    origin_ms: UtcMs
    epoch: int
    image: bytes | None = None
    head: Head = GENESIS
    v: Literal[1] = 1


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(KeptMeter)


class MeterFile:
    """The file of one meter, locked while it is used. `path` None: nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock: int | None = None

    def __enter__(self) -> Self:
        if self._path is not None and self._path.exists():
            self._lock = opened(self._path, "meter", "a new one is made under a new name")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def read(self) -> KeptMeter | None:
        """The meter in the file; None where there is none yet. Raises InputError for another file."""
        if self._lock is None:
            return None
        try:
            return _decoder.decode(os.pread(self._lock, _FILE_BYTES_MAX, 0))
        except msgspec.MsgspecError as error:
            raise InputError(f"--state: {self._path}: no meter's file: {error}") from None

    def write(self, kept: KeptMeter) -> None:
        """Replaces the meter in the file. Raises InputError where it cannot be written."""
        if self._path is None:
            return
        try:
            new = replaced(self._path, _encoder.encode(kept))
        except OSError as error:
            raise InputError(f"--state: {self._path}: cannot be written: {error.strerror}") from None
        if self._lock is not None:
            os.close(self._lock)
        self._lock = new


class OneMeter:
    """A meter at work. What it persists is in its file before its other effects are seen."""

    def __init__(self, kept: KeptMeter, profile: Profile, secrets: FleetSecrets, file: MeterFile) -> None:
        """As it is kept, or new. Raises InputError where another firmware has written its image."""
        identity = identity_of(kept.meter, secrets.fleet_key)
        self._file = file
        self._kept = kept
        if kept.image is None:
            self.meter = GuardedMeter(
                identity,
                profile,
                secrets.root,
                balance_q=kept.balance_q,
                load_w=kept.load_w,
                commissioned_ms=kept.origin_ms,
                epoch=kept.epoch,
                issuers=secrets.issuers,
            )
            return
        try:
            self.meter = GuardedMeter.restore(
                identity,
                profile,
                secrets.root,
                kept.image,
                load_w=kept.load_w,
                head=kept.head,
                issuers=secrets.issuers,
            )
        except RelanceError as error:
            raise InputError(f"--state: {error}") from None

    def tick_at(self, true_ms: UtcMs) -> Tick:
        """What its counter reads. It never goes back, also where the machine's clock has."""
        return Tick(max(true_ms - self._kept.origin_ms, self.meter.tick))

    def handle(self, event: Event, true_ms: UtcMs) -> tuple[Effect, ...]:
        """Something happens to it."""
        return self._kept_first(self.meter.handle(event, self.tick_at(true_ms)))

    def advance(self, true_ms: UtcMs) -> tuple[Effect, ...]:
        """Let everything happen that was due until now."""
        return self._kept_first(self.meter.advance(self.tick_at(true_ms)))

    def save(self) -> None:
        """Write it as it is."""
        self._write(self.meter.image())

    def _kept_first(self, effects: tuple[Effect, ...]) -> tuple[Effect, ...]:
        for effect in effects:
            if isinstance(effect, Persist):
                self._write(effect.image)
        return effects

    def _write(self, image: bytes) -> None:
        self._kept = msgspec.structs.replace(self._kept, image=image, head=self.meter.journal.head)
        self._file.write(self._kept)
