"""aiomqtt's client, with the reason codes of a broker's acknowledgements, which aiomqtt leaves out."""

import asyncio
from typing import Any, Final

import aiomqtt
from paho.mqtt.client import MQTT_ERR_SUCCESS, Client
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from protocols.link.carriage import BrokerRefusedError, Publication

# MQTT 5 §2.4: reason codes from 0x80 on are failures.
FAILURE_CODE_MIN: Final = 0x80


class AcknowledgingClient(aiomqtt.Client):
    """A client whose `send` says what the broker has answered to a publication."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 # aiomqtt's own arguments
        super().__init__(*args, **options)
        self._answers: dict[int, asyncio.Future[ReasonCode]] = {}

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

    def _on_publish(
        self, client: Client, userdata: object, mid: int, reason_code: ReasonCode, properties: Properties
    ) -> None:
        answer = self._answers.get(mid)
        if answer is not None and not answer.done():
            answer.set_result(reason_code)
        super()._on_publish(client, userdata, mid, reason_code, properties)
