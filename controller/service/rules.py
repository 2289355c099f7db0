"""Who of several services with one key leads, and what each says to the others (design §6). Pure.

Two runs of `serve` with one key may share a broker: a copied home, a restored backup, a second machine. Both
go on with all that protects. The later run leads; the earlier one yields, and stops leases and time. It
yields only to a birth that answers its own fresh challenge: a replayed birth silences nobody.
"""

from msgspec import Struct
from msgspec.structs import replace

from protocols.link.births import Birth


class RunStanding(Struct, frozen=True, kw_only=True):
    """What a run knows of itself and the others. `leader`: the nonce of the run that leads; empty: this one.

    `confirmed`: whether the leader has answered the present challenge. `told`: the nonces of other runs
    that have answered a challenge of ours, so that each is named once.
    """

    nonce: str
    started_ms: int
    challenge: str
    leader: str = ""
    confirmed: bool = False
    told: frozenset[str] = frozenset()


class BirthHeard(Struct, frozen=True, kw_only=True):
    """What follows from a birth. `answers`: the challenge to answer now; empty: none.

    `announces`: the broker must retain our own birth again. `met`: this other run is there, and was not
    known before.
    """

    standing: RunStanding
    answers: str = ""
    announces: bool = False
    met: bool = False


def hear(own: RunStanding, birth: Birth) -> BirthHeard:
    """What follows where another run's birth, authentic under our own key, was heard."""
    if birth.nonce == own.nonce:
        return BirthHeard(standing=own)
    if not birth.online:
        freed = replace(own, told=own.told - {birth.nonce})
        if own.leader == birth.nonce:
            freed = lead_again(freed)
        # Its last will took the place of our birth on the broker.
        return BirthHeard(standing=freed, announces=not freed.leader)
    if birth.answers != own.challenge:
        # It does not know us, or this is a replay. Our answer carries the challenge that it must answer.
        return BirthHeard(standing=own, answers=birth.challenge)
    known = replace(own, told=own.told | {birth.nonce})
    met = birth.nonce not in own.told
    if (birth.started_ms, birth.nonce) < (own.started_ms, own.nonce):
        return BirthHeard(standing=known, answers=birth.challenge, met=met)
    yields = replace(known, leader=birth.nonce, confirmed=True)
    # One answer more, so that the leader knows that we are there.
    answers = "" if own.leader == birth.nonce else birth.challenge
    return BirthHeard(standing=yields, answers=answers, met=met)


def ask_again(own: RunStanding, challenge: str) -> RunStanding:
    """The standing with a new challenge, which the leader must answer. Who leads keeps its lead."""
    return replace(own, challenge=challenge, confirmed=False)


def lead_again(own: RunStanding) -> RunStanding:
    """The standing of a run whose leader has gone, or is silent."""
    return replace(own, leader="", confirmed=False, told=own.told - {own.leader})


def is_forsaken(own: RunStanding) -> bool:
    """Whether the leader has not answered the present challenge."""
    return bool(own.leader) and not own.confirmed
