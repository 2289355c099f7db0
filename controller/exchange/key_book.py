"""Under which key each meter and link speaks: whoever has proved a new one is heard under it alone (§5).

A meter that was never told to draw a new key speaks under one that derives from a generation of the fleet's
key. It has proved a generation by a word; from then on none below it counts. A key that it has agreed on
with the office (`protocols.link.agreement`) counts alone. What is proved is kept in the store
(`proven_keys`); this is the copy in memory, since every word asks it. What is not stored yet is `unstored`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Self

from msgspec import Struct, UnsetType

from protocols.errors import DocumentError
from protocols.link.agreement import OF_METERS, agreed_by_office, vouch
from protocols.link.keys import FIRST_GENERATION, link_key, meter_key
from protocols.link.messages import KeyTold, MeterHolds
from protocols.link.proofs import Proof, Purpose, proof_of

_METER: Final = "meter/"
_LINK: Final = "link/"


class ProvenKey(Struct, frozen=True):
    """The generation that somebody has proved, and the half that a meter drew; empty: a derived key.

    `made`: the generation from which the key of a meter's manufacture derives: its cards open with that one
    for good.
    """

    generation: int
    public: str = ""
    made: int = FIRST_GENERATION


# The fleet's key of a generation, if it is in the home.
FindsSecret = Callable[[int], bytes | None]


def finds_none(generation: int) -> None:
    """There are no more than those that are given."""
    del generation


class KeyBook:
    """`secrets`: the fleet's key by its generations; `proven`: by `meter/NAME` and `link/NAME`.

    `find` looks for a generation that was made since.
    """

    def __init__(
        self,
        secrets: Mapping[int, bytes],
        proven: Mapping[str, ProvenKey] | None = None,
        find: FindsSecret = finds_none,
    ) -> None:
        self._secrets = dict(sorted(secrets.items()))
        self._proven = dict(proven or {})
        self._find = find
        self.unstored: dict[str, ProvenKey] = {}

    @classmethod
    def of(cls, fleet_key: bytes) -> Self:
        """The book of a fleet whose key was never replaced."""
        return cls({FIRST_GENERATION: fleet_key})

    def later(self) -> tuple[bytes, ...]:
        """The fleet's keys after the first one."""
        return tuple(secret for generation, secret in self._secrets.items() if generation > FIRST_GENERATION)

    def meter_key(self, meter: str) -> bytes | None:
        """The key for words to a meter that has spoken; None where its generation is not in the home."""
        proven = self._proven.get(_METER + meter, ProvenKey(FIRST_GENERATION))
        return next((key for _, key in self._keys_of(meter, proven)), None)

    def missing(self) -> list[int]:
        """Generations under which somebody speaks and that are not in the home."""
        named = {each.generation for each in self._proven.values()}
        return sorted(each for each in named if self._secret_of(each) is None)

    def prove_status(self, word: bytes, link: str) -> Proof:
        """What the MAC of a link's birth or last will shows."""
        floor = self._floor(_LINK + link)
        for generation, secret in self._from(floor):
            found = proof_of(word, Purpose.STATUS, link, link_key(secret, link))
            if found is not Proof.FORGED:
                if found is Proof.AUTHENTIC:
                    self._note(_LINK + link, ProvenKey(generation))
                return found
        return Proof.FORGED

    def prove_word(self, word: bytes, purpose: Purpose, link: str, meter: str) -> Proof:
        """What the MAC of a meter's word shows that came over a link."""
        for generation, key in self._of_meter(meter):
            found = proof_of(word, purpose, link, key)
            if found is not Proof.FORGED:
                if found is Proof.AUTHENTIC:
                    self._note_derived(meter, generation)
                return found
        return Proof.FORGED

    def prove_holds(self, word: bytes, said: MeterHolds, link: str) -> Proof:
        """As `prove_word`, of a word that may tell of a new key: then the key before it must vouch for it."""
        return self.prove_told(word, Purpose.HOLDS, link, said.meter, said.key)

    def prove_told(
        self, word: bytes, purpose: Purpose, way: str, meter: str, told: KeyTold | UnsetType
    ) -> Proof:
        """As `prove_holds`, of any word of a meter that may tell of a new key; `way`: what its MAC covers."""
        if isinstance(told, UnsetType) or self._is_proven(meter, told):
            return self.prove_word(word, purpose, way, meter)
        found = self._vouched(meter, told)
        if found is None or proof_of(word, purpose, way, found[1]) is not Proof.AUTHENTIC:
            return Proof.FORGED
        self._note(_METER + meter, ProvenKey(told.generation, told.public, found[0]))
        return Proof.AUTHENTIC

    def keys_of(self, meter: str) -> Iterator[bytes]:
        """Every key under which this meter may speak now, the latest first."""
        return (key for _, key in self._of_meter(meter))

    def note_proof(self, meter: str, key: bytes) -> None:
        """Keep that a meter has proved this one of its `keys_of`."""
        for generation, known in self._of_meter(meter):
            if known == key:
                self._note_derived(meter, generation)
                return

    def stored(self, done: Mapping[str, ProvenKey]) -> None:
        """What the store has now is not to be stored again."""
        for name, each in done.items():
            if self.unstored.get(name) == each:
                del self.unstored[name]

    def _is_proven(self, meter: str, told: KeyTold) -> bool:
        proven = self._proven.get(_METER + meter)
        return proven is not None and (proven.generation, proven.public) == (told.generation, told.public)

    def _vouched(self, meter: str, told: KeyTold) -> tuple[int, bytes] | None:
        """The key that a meter tells of, where a key that counts now vouches for it.

        With the generation of the meter's manufacture.
        """
        if told.generation < self._floor(_METER + meter):
            return None
        before = next(
            (
                generation
                for generation, key in self._of_meter(meter)
                if vouch(key, meter, told.generation, told.public) in told.vouches
            ),
            None,
        )
        secret = self._secret_of(told.generation)
        if before is None or secret is None:
            return None
        try:
            key = agreed_by_office(secret, told.public, OF_METERS, meter)
        except DocumentError:
            return None
        proven = self._proven.get(_METER + meter)
        return (proven.made if proven is not None and proven.public else before), key

    def _secret_of(self, generation: int) -> bytes | None:
        if generation not in self._secrets and (found := self._find(generation)) is not None:
            self._secrets = dict(sorted((self._secrets | {generation: found}).items()))
        return self._secrets.get(generation)

    def _of_meter(self, meter: str) -> Iterator[tuple[int, bytes]]:
        proven = self._proven.get(_METER + meter)
        if proven is not None and proven.public:
            yield from self._keys_of(meter, proven)
            return
        for generation, secret in self._from(self._floor(_METER + meter)):
            yield generation, meter_key(secret, meter)

    def _keys_of(self, meter: str, proven: ProvenKey) -> Iterator[tuple[int, bytes]]:
        secret = self._secrets.get(proven.generation)
        if secret is not None:
            key = agreed_by_office(secret, proven.public, OF_METERS, meter) if proven.public else None
            yield proven.generation, meter_key(secret, meter) if key is None else key

    def _from(self, floor: int) -> Iterator[tuple[int, bytes]]:
        for generation in reversed(self._secrets):
            if generation >= floor:
                yield generation, self._secrets[generation]

    def _floor(self, name: str) -> int:
        found = self._proven.get(name)
        return FIRST_GENERATION if found is None else found.generation

    def _note_derived(self, meter: str, generation: int) -> None:
        proven = self._proven.get(_METER + meter)
        if proven is None or not proven.public:
            self._note(_METER + meter, ProvenKey(generation, made=generation))

    def _note(self, name: str, proven: ProvenKey) -> None:
        """Of a fleet whose key was never replaced nothing needs to be kept."""
        before = self._proven.get(name)
        if before != proven and (before is not None or proven != ProvenKey(FIRST_GENERATION)):
            self._proven[name] = self.unstored[name] = proven
