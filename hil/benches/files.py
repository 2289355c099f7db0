"""Reads a bench file from the disk."""

from pathlib import Path
from typing import Final

from emulator.firmware.legacy.defects.catalogue import CATALOGUE
from emulator.population.shipped import shipped_profiles
from hil.bench_spec import BenchSpec
from hil.benches.form import read_bench
from protocols.errors import InputError, quoted

# A bench has a handful of devices and instruments.
BENCH_BYTES_MAX: Final = 64 * 1024


def bench_of(name: str) -> tuple[BenchSpec, bytes]:
    """The bench in a file, and the file's bytes. Raises InputError, a line for a problem."""
    try:
        with Path(name).open("rb") as file:
            content = file.read(BENCH_BYTES_MAX + 1)
    except OSError as error:
        raise InputError(f"{quoted(name)}: cannot be read: {error.strerror}; allowed: a bench file") from None
    except ValueError:
        raise InputError(f"{quoted(name)}: no name of a file; allowed: a bench file") from None
    if len(content) > BENCH_BYTES_MAX:
        raise InputError(
            f"{quoted(name)}: more than {BENCH_BYTES_MAX} bytes; allowed: at most {BENCH_BYTES_MAX} bytes"
        )
    shown = name if name.isprintable() else quoted(name)
    return read_bench(content, shown, shipped_profiles(), CATALOGUE), content
