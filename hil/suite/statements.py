"""Statements of payments: who may sign one, how much of it is credited at once, and which one is too old."""

from typing import Final

from emulator.firmware.events import DocumentChannel
from emulator.scenario.model import IssuersSpec, TopUpSpec
from hil.capabilities import Console, Documents, Load, Orders, SupplySensor
from hil.stories.drafts import an_order
from hil.stories.plans import cents
from hil.stories.stage import StoryBench
from hil.stories.story import story
from protocols.documents.bodies import PaymentBody
from protocols.documents.kind_rule import Kind
from protocols.instants import DAY_MS, HOUR_MS
from protocols.units import UEUR_PER_EUR

_NEEDS: Final = (Console, Load, Orders, SupplySensor)
_CENTS: Final = 100
_EPOCH: Final = 1
# The issuer of the bench's payments.
_ISSUER: Final = "controller"


def _pay(bench: StoryBench, name: str, eur: int) -> None:
    bench.orders.bring(TopUpSpec(name, eur * UEUR_PER_EUR, DocumentChannel.MQTT))


def _name_issuer(bench: StoryBench, eur_per_day: int) -> None:
    """Two people say who signs payments, and how much that key may credit in a day."""
    bench.orders.bring(IssuersSpec(_EPOCH, eur_per_day * UEUR_PER_EUR, 2))


def _check_credited(bench: StoryBench, before: int, eur: int, why: str) -> None:
    bench.measure(f"credited {why}", cents(bench) - before, "cent", eur * _CENTS, eur * _CENTS)


@story(
    requirements=("I6", "QA-09"),
    needs=_NEEDS,
    tags=("credit", "payment", "replay"),
    real_duration="1 min",
    firmware="guarded",
)
def an_older_statement_takes_nothing_back(bench: StoryBench) -> None:
    """A statement that comes after a later one, of a lower total, credits nothing and takes nothing back."""
    bench.load.draw(0)
    before = cents(bench)
    _pay(bench, "first", 20)
    _pay(bench, "second", 10)
    _check_credited(bench, before, 30, "by two payments")
    emergency = cents(bench, "emergency_eur")
    for _ in range(2):
        _pay(bench, "first", 20)
        _check_credited(bench, before, 30, "after the first statement came again")
        bench.check("emergency credit, cent", emergency, cents(bench, "emergency_eur"))
    _pay(bench, "third", 5)
    _check_credited(bench, before, 35, "by a third payment")


@story(
    requirements=("I6",),
    needs=_NEEDS,
    tags=("credit", "payment"),
    real_duration="1 min",
    firmware="guarded",
)
def a_payment_of_one_cent_credits_one_cent(bench: StoryBench) -> None:
    """A payment of one cent credits one cent, and one of ten euro and a cent credits as much."""
    bench.load.draw(0)
    before = cents(bench)
    bench.orders.bring(TopUpSpec("cent", UEUR_PER_EUR // _CENTS, DocumentChannel.MQTT))
    bench.measure("credited by one cent", cents(bench) - before, "cent", 1, 1)
    amount_ueur = 10 * UEUR_PER_EUR + UEUR_PER_EUR // _CENTS
    bench.orders.bring(TopUpSpec("more", amount_ueur, DocumentChannel.MQTT))
    bench.measure("credited by ten euro and a cent more", cents(bench) - before, "cent", 1_002, 1_002)


@story(
    requirements=("I6", "I8"),
    needs=(*_NEEDS, Documents),
    tags=("credit", "payment", "papers"),
    real_duration="1 min",
    firmware="guarded",
)
def a_statement_without_its_issuers_signature_credits_nothing(bench: StoryBench) -> None:
    """Once an issuer is named, a statement counts with the issuer's signature alone, whoever else signs."""
    bench.load.draw(0)
    _name_issuer(bench, 50)
    before = cents(bench)
    body = PaymentBody(_ISSUER, 1, 20 * UEUR_PER_EUR, _EPOCH)
    for holders in (("nobody",), ("anna", "bert"), ()):
        order = an_order(bench, Kind.PAYMENT, f"payment/{_ISSUER}", body)
        bench.documents.bring(bench.documents.seal(order, *holders))
        _check_credited(bench, before, 0, f"by a statement of {' and '.join(holders) or 'no hand'}")
    _pay(bench, "issued", 20)
    _check_credited(bench, before, 20, "by the issuer's statement")


@story(
    requirements=("I6",),
    needs=_NEEDS,
    tags=("credit", "payment"),
    real_duration="2 d",
    firmware="guarded",
)
def a_payment_above_the_allowance_waits_for_it(bench: StoryBench) -> None:
    """Of an issuer with 10 euro a day a payment of 25 is credited after a day and a half, and all of it."""
    bench.load.draw(0)
    _name_issuer(bench, 10)
    before = cents(bench)
    _pay(bench, "great", 25)
    _check_credited(bench, before, 0, "at once")
    bench.time.let_pass(DAY_MS + 11 * HOUR_MS)
    _check_credited(bench, before, 0, "an hour before the allowance covers it")
    bench.time.let_pass(2 * HOUR_MS)
    _check_credited(bench, before, 25, "an hour after the allowance covers it")


@story(
    requirements=("I6",),
    needs=_NEEDS,
    tags=("credit", "payment"),
    real_duration="2 min",
    firmware="guarded",
)
def an_allowance_is_spent_by_what_is_new(bench: StoryBench) -> None:
    """Of a running total only the difference is taken from the allowance: two payments within it count."""
    bench.load.draw(0)
    _name_issuer(bench, 30)
    before = cents(bench)
    _pay(bench, "first", 20)
    _check_credited(bench, before, 20, "by the first payment")
    _pay(bench, "second", 8)
    _check_credited(bench, before, 28, "by the second payment")
    _pay(bench, "third", 5)
    _check_credited(bench, before, 28, "by a third one, above what is left of the day's allowance")
