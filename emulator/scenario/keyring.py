"""The keys of a scenario: those of its people, machines and time authorities, and the root that names them.

A scenario says what arrives at a meter, not who holds which key. The keyring makes all keys from the
scenario's seed, makes the root that the meters are commissioned with, and signs: `signatures = n` in a file
means n distinct holders of the role that the order needs. The keys must not be used elsewhere: anybody who
knows the seed has them.
"""

from typing import NamedTuple

from cardreader.issuing.practice import (
    HOLDERS,
    THRESHOLDS,
    practice_key,
    practice_root,
    practice_secret,
    practice_signer,
)
from protocols.documents.envelope import Signer, add_signature, seal
from protocols.documents.issuers import ISSUERS_TYPE, Issuers, write_issuers
from protocols.documents.kind_rule import Role
from protocols.documents.kinds import KINDS
from protocols.documents.orders import ORDER_TYPE, TIME_TYPE, Order, SignedTime, write_document
from protocols.documents.roles import Root
from protocols.instants import DAY_MS
from protocols.limits import INSTANT_MS_MAX
from protocols.reasons import Source

# A root lives a year (design §5). Counted from the end of the scenario, it never expires in one.
_ROOT_LIFE_MS = 366 * DAY_MS


def secret_of(seed: int, owner: str) -> bytes:
    """The secret (32 bytes) of `owner` in the scenario of this seed."""
    return practice_secret(str(seed), owner)


class HomeKeys(NamedTuple):
    """What meters are given in a home: whom to trust, and the key that their own come from."""

    root: Root
    fleet_key: bytes
    issuers: Issuers | None


class Keyring:
    """The keys of everybody in a scenario, and the root that names them.

    `fleet_key`: of its cards and of the meters that use them; the key for practice of the same seed. With the
    keys of a home, root, fleet key and issuers are the home's, and what this keyring signs counts nowhere.
    """

    __slots__ = ("_seed", "_signers", "fleet_key", "issuers", "root")

    def __init__(self, seed: int, end_ms: int, home: HomeKeys | None = None) -> None:
        self._seed = seed
        self.fleet_key = practice_key(str(seed))
        self.issuers: Issuers | None = None
        self._signers = {
            holder: practice_signer(str(seed), holder) for holders in HOLDERS.values() for holder in holders
        }
        self.root = practice_root(str(seed), min(end_ms + _ROOT_LIFE_MS, INSTANT_MS_MAX))
        if home is not None:
            self.root, self.fleet_key, self.issuers = home

    @property
    def protecting_holder(self) -> str:
        """The person who signs what one person may sign, alone or first."""
        return HOLDERS[Role.PROTECT][0]

    @property
    def releasing_key(self) -> str:
        """The key that signs releases and numbers them."""
        return self._signers[self.protecting_holder].keyid

    def seal_order(self, order: Order, signatures: int) -> bytes:
        """The order in its envelope, signed by the first `signatures` holders of the role that it needs.

        Raises DocumentError if the envelope exceeds the limits.
        """
        holders = HOLDERS[KINDS[order.kind].role][:signatures]
        signers = [self._signers[holder] for holder in holders]
        return seal(write_document(order), ORDER_TYPE, signers)

    def issuer(self, epoch: int) -> Signer:
        """The key of the scenario's issuer in an epoch; no root names it."""
        return Signer.from_seed(secret_of(self._seed, f"issuer/{epoch}"))

    def seal_statement(self, order: Order, epoch: int) -> bytes:
        """A payment's statement in its envelope, signed with the issuer's key of its epoch."""
        return seal(write_document(order), ORDER_TYPE, [self.issuer(epoch)])

    def countersign(self, envelope: bytes) -> bytes:
        """The envelope with the signatures of two people who may harm."""
        for holder in HOLDERS[Role.HARM][: THRESHOLDS[Role.HARM]]:
            envelope = add_signature(envelope, self._signers[holder])
        return envelope

    def seal_issuers(self, issuers: Issuers, signatures: int) -> bytes:
        """An issuers document, signed by the first `signatures` of the people who may harm."""
        signers = [self._signers[holder] for holder in HOLDERS[Role.HARM][:signatures]]
        return seal(write_issuers(issuers), ISSUERS_TYPE, signers)

    def seal_time(self, source: Source, time: SignedTime) -> bytes:
        """A time in its envelope, signed by its authority."""
        return seal(write_document(time), TIME_TYPE, [self._signers[source]])
