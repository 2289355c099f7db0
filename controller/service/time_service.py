"""A time authority: answers meters that ask it by name, each answer signed with its own key (design §4.1).

The controller runs one as `headend`; `timeserver` is the same code as another process, on another machine,
with another key and another clock. It never broadcasts and needs no store: it may answer a nonce twice, since
a meter takes the first answer only.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Final

from msgspec import UnsetType

from controller.service.carrying import Carries
from protocols.documents.envelope import Signer, seal
from protocols.documents.orders import TIME_TYPE, TimeAnswer, read_time, write_document
from protocols.errors import DocumentError
from protocols.link.agreement import agreed_by_office
from protocols.link.carriage import Arrival
from protocols.link.keys import ask_key
from protocols.link.kiosk_words import read_kiosk_ask
from protocols.link.messages import TimeAsk, read_message
from protocols.link.proofs import Proof, Purpose, proof_of
from protocols.link.service_time import (
    SERVICE_TIME_TYPE,
    ServiceAnswer,
    is_authentic_ask,
    read_ask,
    write_answer,
)
from protocols.link.topics import Channel, Place
from protocols.reasons import Source
from protocols.timekeeping import Timekeeper
from protocols.timing import Judgement

# How far true time may be from our clock. NTP keeps a clock within milliseconds; monitoring must see a
# second.
SPREAD_MS: Final = 1_000


class TimeAuthority:
    """Answers asks addressed to `source`, and counts those that it `answered` and `ignored`.

    `asks` is the key that checks asks to this source (`keys.asks_key`), `later` gives those of later
    generations of the fleet's key; None: none can be checked. An ask without a MAC, as an older firmware
    sends it, is answered all the same: an answer is of use to nobody but the meter that made the nonce.
    `judged`: what the service believes of its clock, for the authority that runs in it: while that is
    doubtful nothing is answered. `machine`: the digest of its machine, for an authority that answers the
    service's own asks too (`service_time.machine_of`); None: it does not.
    """

    def __init__(
        self,
        source: Source,
        signer: Signer,
        timekeeper: Timekeeper,
        carrier: Carries,
        *,
        asks: bytes | None = None,
        later: Callable[[], Iterable[bytes]] = tuple,
        judged: Callable[[], Judgement] | None = None,
        machine: str | None = None,
    ) -> None:
        self.source = source
        self.answered = 0
        self.ignored: Counter[str] = Counter()
        self._signer = signer
        self._asks = asks
        self._later = later
        self._timekeeper = timekeeper
        self._carrier = carrier
        self._judged = judged
        self._machine = machine

    async def handle(self, arrival: Arrival) -> None:
        """Answer an ask that is addressed to us. Raises NotConnectedError where the answer cannot be sent."""
        place = arrival.place
        if place.channel is Channel.SERVICE_ASK and not arrival.retained:
            await self._answer_service(arrival.payload)
            return
        if place.channel is Channel.KIOSK_ASK and not arrival.retained:
            await self._answer_kiosk(arrival)
            return
        if arrival.retained or place.channel is not Channel.TIME_ASK:
            self.ignored["not an ask"] += 1
            return
        try:
            ask = read_message(arrival.payload, TimeAsk)
            if ask.source is not self.source or ask.meter != place.meter:
                self.ignored["for another"] += 1
                return
            if self.proof_of(arrival) is Proof.FORGED:
                self.ignored["not authentic"] += 1
                return
            answer = self.answer(ask)
            if answer is None:
                self.ignored["clock doubtful"] += 1
                return
        except DocumentError:
            self.ignored["malformed"] += 1
            return
        await self._carrier.publish(Place(Channel.TIME_ANSWER, link=place.link, meter=place.meter), answer)
        self.answered += 1

    def proof_of(self, arrival: Arrival) -> Proof:
        """What the MAC of an ask shows: that of a meter for its topic, or the service's own.

        Without a key to check it, nothing.
        """
        if self._asks is None:
            return Proof.UNVERIFIED
        place = arrival.place
        if place.channel is Channel.SERVICE_ASK:
            return self._proof_of_service(arrival.payload)
        if place.channel is Channel.KIOSK_ASK:
            return self._proof_of_kiosk(arrival)
        return self._proof_of_ask(arrival.payload, _half_of(arrival.payload), place.meter, place.link)

    def _proof_of_ask(self, word: bytes, half: str | None, meter: str, way: str) -> Proof:
        for key in self._keys_of(half, meter):
            found = proof_of(word, Purpose.ASK, way, key)
            if found is not Proof.FORGED:
                return found
        # A half of a generation that has not come here yet: nothing can be checked, and it is answered.
        return Proof.FORGED if half is None else Proof.UNVERIFIED

    def _keys_of(self, half: str | None, meter: str) -> Iterator[bytes]:
        """The keys under which the meter of an ask may speak, which has drawn `half`."""
        assert self._asks is not None, "without a key nothing can be checked"
        if half is None:
            yield from (ask_key(asks, meter) for asks in (self._asks, *self._later()))
            return
        for asks in self._later():
            with suppress(DocumentError):
                yield agreed_by_office(asks, half, self.source, meter)

    def _proof_of_kiosk(self, arrival: Arrival) -> Proof:
        """That of the meter whose ask a kiosk carries. A kiosk's own ask has none: it waits behind others."""
        assert self._asks is not None, "without a key nothing can be checked"
        try:
            carried = read_kiosk_ask(arrival.payload)
            ask = carried.meters_ask()
        except DocumentError:
            return Proof.FORGED
        if ask is None:
            return Proof.UNVERIFIED
        half = None if isinstance(ask.key, UnsetType) else ask.key
        return self._proof_of_ask(bytes(carried.ask), half, ask.meter, f"card/{carried.card}")

    async def _answer_kiosk(self, arrival: Arrival) -> None:
        """Answer a kiosk, or the meter whose ask it carries. Raises as `handle`."""
        try:
            carried = read_kiosk_ask(arrival.payload)
            ask = carried.meters_ask()
            if carried.source is not self.source or (ask is not None and ask.source is not self.source):
                self.ignored["for another"] += 1
                return
            if self.proof_of(arrival) is Proof.FORGED:
                self.ignored["not authentic"] += 1
                return
            answer = self._answer_to_kiosk(carried.nonce) if ask is None else self.answer(ask)
        except DocumentError:
            self.ignored["malformed"] += 1
            return
        if answer is None:
            self.ignored["clock doubtful"] += 1
            return
        await self._carrier.publish(Place(Channel.KIOSK_ANSWER, kiosk=arrival.place.kiosk), answer)
        self.answered += 1

    def _answer_to_kiosk(self, nonce: str) -> bytes | None:
        found = self._now()
        if found is None:
            return None
        now_ms, spread_ms = found
        body = ServiceAnswer(nonce=nonce, time_ms=now_ms, spread_ms=spread_ms, machine=self._machine or "")
        return seal(write_answer(body), SERVICE_TIME_TYPE, [self._signer])

    def _proof_of_service(self, payload: bytes) -> Proof:
        assert self._asks is not None, "without a key nothing can be checked"
        try:
            return Proof.AUTHENTIC if is_authentic_ask(read_ask(payload), self._asks) else Proof.FORGED
        except DocumentError:
            return Proof.FORGED

    def answer(self, ask: TimeAsk) -> bytes | None:
        """The sealed answer to an ask, with the present time; None while that is not known.

        Raises DocumentError for a malformed nonce.
        """
        found = self._now()
        if found is None:
            return None
        now_ms, spread_ms = found
        body = write_document(
            TimeAnswer(meter=ask.meter, nonce=ask.nonce, time_ms=now_ms, spread_ms=spread_ms)
        )
        # Read back to check the limits: what no meter would accept is not signed.
        read_time(body)
        return seal(body, TIME_TYPE, [self._signer])

    def _now(self) -> tuple[int, int] | None:
        """The present time, and how far true time may be from it; None while the service doubts its clock."""
        if self._judged is None:
            return self._timekeeper.now_ms(), SPREAD_MS
        found = self._judged()
        if not found.trusted or found.earliest_ms is None or found.latest_ms is None:
            return None
        off_ms = max(found.estimate_ms - found.earliest_ms, found.latest_ms - found.estimate_ms)
        return found.estimate_ms, max(SPREAD_MS, off_ms)

    async def _answer_service(self, payload: bytes) -> None:
        """Answer the service's own ask, where it is authentic. Raises as `handle`."""
        try:
            ask = read_ask(payload)
            if self._machine is None or ask.source is not self.source:
                self.ignored["for another"] += 1
                return
            if self._asks is not None and not is_authentic_ask(ask, self._asks):
                self.ignored["not authentic"] += 1
                return
            body = write_answer(
                ServiceAnswer(
                    nonce=ask.nonce,
                    time_ms=self._timekeeper.now_ms(),
                    spread_ms=SPREAD_MS,
                    machine=self._machine,
                )
            )
        except DocumentError:
            self.ignored["malformed"] += 1
            return
        answer = seal(body, SERVICE_TIME_TYPE, [self._signer])
        await self._carrier.publish(Place(Channel.SERVICE_ANSWER), answer)
        self.answered += 1


def _half_of(payload: bytes) -> str | None:
    """The half that a meter has drawn for its asks; None where it speaks under a key of its manufacture."""
    try:
        half = read_message(payload, TimeAsk).key
    except DocumentError:
        return None
    return None if isinstance(half, UnsetType) else half
