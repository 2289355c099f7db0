"""Runs a kiosk's line over MQTT, until SIGTERM or Ctrl-C."""

import asyncio
import secrets
import signal
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from cardreader.kiosk.home import KioskHome
from cardreader.line.station import Station
from protocols.errors import InputError
from protocols.link.carriage import BrokerAddress
from protocols.link.topics import kiosk_filters
from protocols.rim.carrier import Carrier
from protocols.timekeeping import Machine

# In a kiosk's home: its credentials for the broker.
CREDENTIALS: Final = "broker"
_NONCE_BYTES: Final = 16
_ID_DIGITS: Final = 12


def address_of(home: KioskHome) -> BrokerAddress:
    """Where the kiosk's broker is. Raises InputError for a home without one."""
    place = home.form.broker
    if place is None or home.folder is None:
        raise InputError("this home names no broker; `relance kiosk add --broker URL` writes it")
    folder: Path = home.folder / CREDENTIALS
    return BrokerAddress(place.host, place.port, credentials=str(folder) if place.tls else "")


def put_together(home: KioskHome, store: Engine, machine: Machine) -> tuple[Station, Carrier]:
    """A station with its connection; both must run. Raises InputError where the home has no broker."""
    station = Station(home, store, machine, lambda: secrets.token_hex(_NONCE_BYTES))
    carrier = Carrier(
        address_of(home),
        # Random: of two programs with one name a broker would end each one's connection for the other.
        f"relance-kiosk-{secrets.token_hex(_ID_DIGITS // 2)}",
        kiosk_filters(home.form.kiosk),
        handle=station.handle,
        on_connect=station.greet,
        last_will=station.last_will,
    )
    station.attach(carrier)
    return station, carrier


async def run_line(home: KioskHome, store: Engine, machine: Machine) -> None:
    """Store and forward until SIGTERM or cancellation; a broker that is away is tried again for ever."""
    station, carrier = put_together(home, store, machine)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    tasks = [
        asyncio.create_task(carrier.run(), name="carrier"),
        asyncio.create_task(station.run(), name="station"),
        asyncio.create_task(stopped.wait(), name="stop"),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        loop.remove_signal_handler(signal.SIGTERM)
