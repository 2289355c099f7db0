"""A real mosquitto obeys the files of `relance broker config`: who connects, says and hears what."""

import asyncio
import getpass
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from controller.broker.folder import BrokerWishes, configure
from protocols.errors import InputError, RelanceError, UnreachableError
from protocols.link.carriage import Arrival, BrokerAddress, read_address
from protocols.link.topics import PREFIX, Channel, Place, controller_filters, link_filters
from protocols.rim.carrier import Carrier
from tests.brokers.post import play, running, until
from tests.brokers.running import ConfiguredMosquitto, free_port

PASSPHRASE = "correct horse battery"
HOSTS = ("127.0.0.1",)


class Seen:
    """What one client has heard."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []

    async def handle(self, arrival: Arrival) -> None:
        self.arrivals.append(arrival)

    @property
    def payloads(self) -> list[bytes]:
        return [each.payload for each in self.arrivals]


class Installation:
    """A configured folder and its broker."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.configure(added=("link-1", "link-2"))
        self.broker = ConfiguredMosquitto(folder / "server" / "mosquitto.conf", self.port)

    def configure(self, added: tuple[str, ...] = (), renewed: tuple[str, ...] = ()) -> None:
        # A broker that root starts would change to an account that cannot read this folder.
        told = BrokerWishes(
            "127.0.0.1", self.port, HOSTS, added=added, renewed=renewed, user=getpass.getuser()
        )
        configure(self.folder, told, PASSPHRASE)

    def address(self, place: str) -> BrokerAddress:
        return read_address(f"mqtts://127.0.0.1:{self.port}", str(self.folder / place))


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path / "broker")
    made.broker.start()
    yield made
    made.broker.stop()


def carrier(installation: Installation, place: str, filters: tuple[str, ...], seen: Seen) -> Carrier:
    return Carrier(installation.address(place), place.replace("/", "-"), filters, handle=seen.handle)


async def forge(address: BrokerAddress, place: Place) -> None:
    """Publish what the broker must hand to nobody; whether the sender is told is a test of the carrier."""
    forger = Carrier(address, "forger", (), handle=Seen().handle)
    async with running(forger):
        with suppress(RelanceError):
            await forger.publish(place, b"forged")


def test_a_link_speaks_and_hears_for_itself_only(installation: Installation) -> None:
    served, first, second = Seen(), Seen(), Seen()

    async def story() -> None:
        serve = carrier(installation, "serve", controller_filters(), served)
        # Both ask for everything; the broker hands over what is theirs.
        one = carrier(installation, "links/link-1", (f"{PREFIX}/#",), first)
        two = carrier(installation, "links/link-2", link_filters("link-2"), second)
        async with running(serve), running(one), running(two):
            await serve.publish(Place(Channel.ORDERS, link="link-2", meter="m2"), b"for two")
            await serve.publish(Place(Channel.ORDERS, link="link-1", meter="m1"), b"for one")
            await forge(installation.address("links/link-1"), Place(Channel.STATUS, link="link-2"))
            await one.publish(Place(Channel.STATUS, link="link-1"), b"own")
            await until(lambda: b"own" in served.payloads, "the link's own word arrives")
            await until(lambda: second.payloads == [b"for two"], "its order arrives")
        assert b"for one" in first.payloads
        assert b"for two" not in first.payloads
        assert served.payloads == [b"own"]

    play(story)


def test_nobody_connects_without_credentials_of_this_broker(
    installation: Installation, tmp_path: Path
) -> None:
    foreign = tmp_path / "foreign"
    configure(foreign, BrokerWishes("127.0.0.1", 1, HOSTS, added=("link-1",)), PASSPHRASE)
    # It trusts our broker, and shows the certificate of another authority.
    (foreign / "links" / "link-1" / "ca.pem").write_bytes((installation.folder / "ca.pem").read_bytes())

    async def attempt(address: BrokerAddress) -> str:
        refused = Carrier(address, "stranger", (), handle=Seen().handle)
        task = asyncio.create_task(refused.run())
        try:
            await refused.first_attempt()
        except UnreachableError as error:
            return str(error)
        finally:
            task.cancel()
            await asyncio.wait([task])
        return "connected"

    async def story() -> None:
        outcomes = await asyncio.gather(
            attempt(BrokerAddress("127.0.0.1", installation.port)),
            attempt(read_address(f"mqtts://127.0.0.1:{installation.port}", str(foreign / "links/link-1"))),
        )
        assert "connected" not in outcomes

    play(story)


def test_a_broker_that_we_do_not_trust_gets_nothing(installation: Installation, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    configure(foreign, BrokerWishes("127.0.0.1", 1, HOSTS), PASSPHRASE)
    address = read_address(f"mqtts://127.0.0.1:{installation.port}", str(foreign / "serve"))

    async def story() -> None:
        refused = Carrier(address, "serve", (), handle=Seen().handle)
        task = asyncio.create_task(refused.run())
        with pytest.raises(UnreachableError, match="its certificate: "):
            await refused.first_attempt()
        task.cancel()
        await asyncio.wait([task])

    play(story)


def test_the_old_credentials_of_a_renewed_link_say_nothing_any_more(
    installation: Installation, tmp_path: Path
) -> None:
    stolen = tmp_path / "stolen"
    stolen.mkdir()
    for name in ("ca.pem", "key.pem", "cert.pem"):
        (stolen / name).write_bytes((installation.folder / "links" / "link-1" / name).read_bytes())
    installation.configure(renewed=("link-1",))
    installation.broker.signal(signal.SIGHUP)
    served = Seen()

    async def story() -> None:
        serve = carrier(installation, "serve", controller_filters(), served)
        own = carrier(installation, "links/link-1", (), Seen())
        thief = read_address(f"mqtts://127.0.0.1:{installation.port}", str(stolen))
        async with running(serve), running(own):
            await forge(thief, Place(Channel.STATUS, link="link-1"))
            await own.publish(Place(Channel.STATUS, link="link-1"), b"own")
            await until(lambda: served.payloads == [b"own"], "the link's own word arrives")

    play(story)


def test_missing_credentials_are_named(tmp_path: Path) -> None:
    address = read_address("mqtts://127.0.0.1", str(tmp_path))
    with pytest.raises(InputError, match=r"ca\.pem: no such file; `relance broker config` makes it"):
        Carrier(address, "here", (), handle=Seen().handle)
