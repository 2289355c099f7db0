"""EF.STATE: what the meter says of itself, for the kiosk's screen and as proof for the office.

One word (`protocols.link.proofs`) with the meter's MAC for purpose `card`; in the place of a link it covers
`card/SERIAL`. So what was recorded on one card proves nothing on another. A kiosk, which has no meter's key,
shows it as said; the office checks it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace

from cardreader.files.content import Content
from protocols.decoding import read_json
from protocols.documents.bodies import Digest, Id, ObjectName
from protocols.errors import DocumentError
from protocols.link.agreement import OF_METERS, agreed_by_office, vouch
from protocols.link.keys import meter_key
from protocols.link.messages import Epoch, Int, KeyTold, StatementHeld, Text
from protocols.link.proofs import Proof, Purpose, proof_of, with_mac
from protocols.reasons import ClockStatus, Supply, SupplyReason

# Totals of so many issuers: those whose statements the card brought, then others. More would not be read at
# a kiosk, and with the longest names they fill the file: `state_word` then leaves the last ones out.
TOTALS_MAX: Final = 16
# Of more cuts the card has the names alone, in the meter's holdings.
CUTS_TOLD_MAX: Final = 4


class CutTold(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A planned cut, by the object of its order, with the interval [`from_ms`, `until_ms`) that permits it.

    `is_done`: the meter has carried it out, and the supply is not back.
    """

    object: ObjectName
    from_ms: Int
    until_ms: Int
    is_done: bool = False


class MeterState(Struct, frozen=True, kw_only=True):
    """What the meter showed when the card was in it.

    `card`, `pairing`: the serial (hex) and epoch of the card that it says it to. `number`: of the meter's
    reports, in its life `epoch`; a lower number of the same life is older. `energy_wh` is the index. `code`
    is what the screen shows. `earliest_ms`, `latest_ms`: the interval of its clock; None: unbounded.
    `journal` and `journal_hash`: the last entry of the black box. `totals`: what it has credited, which
    proves that a payment has arrived. `key`: as in its holdings; absent while it speaks under the key of its
    manufacture. `cuts`: which cut took the supply, then those that are planned, the next one first; absent
    from an older firmware.
    """

    card: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$(?!\n)")]
    pairing: Annotated[int, Meta(ge=1, le=0xFFFF)]
    meter: Id
    epoch: Epoch
    number: Int
    time_ms: Int
    energy_wh: Int
    balance_ueur: Int
    emergency_ueur: Int
    supply: Supply
    reason: SupplyReason
    code: Text
    clock: ClockStatus
    earliest_ms: Int
    latest_ms: Int | None
    journal: Int
    journal_hash: Digest
    totals: Annotated[tuple[StatementHeld, ...], Meta(max_length=TOTALS_MAX)]
    key: KeyTold | UnsetType = UNSET
    cuts: Annotated[tuple[CutTold, ...], Meta(max_length=CUTS_TOLD_MAX)] | UnsetType = UNSET
    v: Literal[1] = 1


_states = msgspec.json.Decoder(MeterState)
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class StateWord(Content):
    """The word as it stands in the file; empty while no meter has read the card."""

    word: bytes = b""

    def encode(self) -> bytes:
        """As `Content`."""
        return self.word

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """As `Content`. The MAC is not checked: see `proof`."""
        if data:
            read_json(_states, data, "EF.STATE")
        return cls(data)

    @property
    def state(self) -> MeterState | None:
        """What the word says; None where there is none."""
        return read_json(_states, self.word, "EF.STATE") if self.word else None

    def proof(self, meter_key: bytes) -> Proof:
        """Whether this meter has said it, to this very card. Raises DocumentError for an empty file."""
        state = self.state
        if state is None:
            raise DocumentError("EF.STATE: no meter has read this card")
        return proof_of(self.word, Purpose.CARD, f"card/{state.card}", meter_key)

    def proof_of_fleet(self, secrets: Mapping[int, bytes]) -> Proof:
        """As `proof`, for the office, with the fleet's key by its generations.

        The key of which the meter tells counts where one that derives from them vouches for it: that of the
        meter's manufacture always does. Raises DocumentError for an empty file.
        """
        state = self.state
        if state is None:
            raise DocumentError("EF.STATE: no meter has read this card")
        derived = [meter_key(secret, state.meter) for secret in secrets.values()]
        told = state.key
        if isinstance(told, UnsetType):
            found = {self.proof(key) for key in derived}
            return next(each for each in Proof if each in found)
        vouches = {vouch(key, state.meter, told.generation, told.public) for key in derived}
        if told.generation not in secrets or not vouches & set(told.vouches):
            return Proof.FORGED
        return self.proof(agreed_by_office(secrets[told.generation], told.public, OF_METERS, state.meter))


def state_word(state: MeterState, meter_key: bytes, bytes_max: int | None = None) -> StateWord:
    """The word of a state, with the meter's MAC; with as many of its totals as fit into `bytes_max`."""
    word = with_mac(_encoder.encode(state), Purpose.CARD, f"card/{state.card}", meter_key)
    if bytes_max is None or len(word) <= bytes_max or not state.totals:
        return StateWord(word)
    return state_word(replace(state, totals=state.totals[:-1]), meter_key, bytes_max)


_EXAMPLE: Final = (
    b'{"card":"0102030405060708","pairing":1,"meter":"m1","epoch":7,"number":3,"time_ms":1593720060000,'
    b'"energy_wh":1234567,"balance_ueur":-120000,"emergency_ueur":10000000,"supply":"off","reason":"credit",'
    b'"code":"8","clock":"trusted","earliest_ms":1593720050000,"latest_ms":null,"journal":41,"journal_hash":"'
    + 64
    * b"a"
    + b'","totals":[{"issuer":"controller","number":2,"total_ueur":20000000,"epoch":1}],"v":1,'
    b'"mac":"7b7f7bb0f3a0a3f2a1e0aa33dd5a1b52"}'
)
StateWord.vectors = (("", StateWord()), (_EXAMPLE.hex(), StateWord(_EXAMPLE)))
