"""aiomqtt's client, with the reason codes of a broker's acknowledgements, which aiomqtt leaves out.

It also hands each message over at once. aiomqtt's own queue costs two tasks and three turns of the event
loop a message: it grew under a flood, and what was behind it waited. And it reads and acknowledges in bulk.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any, Final, Never

import aiomqtt
from paho.mqtt.client import MQTT_ERR_SUCCESS, Client, MQTTMessage
from paho.mqtt.enums import MessageType
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from protocols.link.carriage import BrokerRefusedError, Publication
from protocols.rim.bulk_socket import BulkSocket

# MQTT 5 §2.4: reason codes from 0x80 on are failures.
FAILURE_CODE_MIN: Final = 0x80
# MQTT 5 §3.4: the type, two bytes that follow, the packet's identifier; without a code it means success.
_PUBACK: Final = struct.Struct("!BBH")
_PUBACK_REMAINING: Final = 2


class AcknowledgingClient(aiomqtt.Client):
    """A client whose `send` says what the broker has answered to a publication.

    `arrived` is called with each message when it is read from the socket; `messages` stays empty.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 # aiomqtt's own arguments
        arrived: Callable[[MQTTMessage], None],
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(*args, **options)
        self._arrived = arrived
        self._answers: dict[int, asyncio.Future[ReasonCode]] = {}
        self._unacknowledged: list[int] = []
        self._client.manual_ack_set(True)

    async def send(self, message: Publication, properties: Properties | None) -> None:
        """Publish and wait for the broker's answer, with no limit of time.

        Raises BrokerRefusedError for a reason code that is a failure, MqttError without a connection.
        """
        info = self._client.publish(message.topic, message.payload, message.qos, message.retain, properties)
        if info.rc != MQTT_ERR_SUCCESS:
            raise aiomqtt.MqttCodeError(info.rc, "Could not publish message")
        answer: asyncio.Future[ReasonCode] = asyncio.get_running_loop().create_future()
        self._answers[info.mid] = answer
        try:
            code = await answer
        finally:
            self._answers.pop(info.mid, None)
        if code.value >= FAILURE_CODE_MIN:
            raise BrokerRefusedError(message.topic, code.value, str(code))

    async def ended(self) -> Never:
        """Wait for the end of the connection. Raises MqttError, with the cause where there is one."""
        await asyncio.wait([self._disconnected])
        raise aiomqtt.MqttError("Disconnected") from self._disconnected.exception()

    def _on_socket_open(self, client: Client, userdata: object, sock: socket.socket) -> None:
        for option in self._socket_options:
            sock.setsockopt(*option)  # aiomqtt sets them for nobody who wraps the socket
        bulk = BulkSocket(sock)
        client._sock = bulk  # type: ignore[assignment] # noqa: SLF001 # paho reads it by `recv` alone
        super()._on_socket_open(client, userdata, bulk)

    def _on_socket_register_write(self, client: Client, userdata: object, sock: Any) -> None:  # noqa: ANN401
        # paho may call this from the thread that connects. aiomqtt hands over the socket's number: when the
        # turn comes, that is a closed file's, or by then another connection's.
        del client, userdata
        self._loop.call_soon_threadsafe(self._write_when_ready, sock)

    def _write_when_ready(self, sock: BulkSocket) -> None:
        if sock.fileno() >= 0:  # else it was closed meanwhile
            self._loop.add_writer(sock.fileno(), self._write)

    def _write(self) -> None:
        try:
            self._client.loop_write()
        except Exception as error:  # noqa: BLE001 # whatever it is, it ends this connection, and `ended` says it
            if not self._disconnected.done():
                self._disconnected.set_exception(error)

    def _on_message(self, client: Client, userdata: object, message: MQTTMessage) -> None:
        del client, userdata
        self._arrived(message)
        if message.qos:
            if not self._unacknowledged:
                asyncio.get_running_loop().call_soon(self._acknowledge)
            self._unacknowledged.append(message.mid)

    def _acknowledge(self) -> None:
        """Acknowledge together all that one reading of the socket has brought, of QoS 1 as we subscribe."""
        numbers, self._unacknowledged = self._unacknowledged, []
        packets = b"".join(_PUBACK.pack(MessageType.PUBACK, _PUBACK_REMAINING, each) for each in numbers)
        self._client._packet_queue(MessageType.PUBACK, packets, numbers[-1], 1)  # noqa: SLF001 # `ack` sends each apart

    def _on_publish(
        self, client: Client, userdata: object, mid: int, reason_code: ReasonCode, properties: Properties
    ) -> None:
        answer = self._answers.get(mid)
        if answer is not None and not answer.done():
            answer.set_result(reason_code)
        super()._on_publish(client, userdata, mid, reason_code, properties)
