"""The machine and the versions with which the figures were measured."""

import os
import platform
import shutil
import sqlite3
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Final

_LIBRARIES: Final = ("aiomqtt", "cryptography", "iotcore", "msgspec", "paho-mqtt", "sqlmodel")


def describe_machine() -> dict[str, str]:
    """Processor, system, versions, and the system's broker if there is one."""
    libraries = {name: version(name) for name in _LIBRARIES}
    return {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()} ({_distribution()})",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "sqlite": sqlite3.sqlite_version,
        "mosquitto": mosquitto_version() or "not installed",
        **libraries,
    }


def mosquitto() -> str | None:
    """Where Debian's broker is: in sbin, which is not on everybody's path."""
    return shutil.which("mosquitto", path=f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin")


def mosquitto_version() -> str | None:
    """The version that mosquitto prints; None if it is not installed."""
    program = mosquitto()
    if program is None:
        return None
    said = subprocess.run([program, "-h"], capture_output=True, text=True, check=False)  # noqa: S603 # found above
    return said.stdout.partition("\n")[0].removeprefix("mosquitto version ").strip() or None


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return "unknown"
