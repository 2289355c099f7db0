"""A new root document at the meter: who may sign changes there and then, and stays so (design §5)."""

from msgspec.structs import replace

from emulator.firmware.effects import RecordEmitted
from emulator.firmware.events import Document
from emulator.firmware.guarded.meter import GuardedMeter
from protocols.documents.bodies import HoldBody
from protocols.documents.envelope import seal
from protocols.documents.kind_rule import Kind, Role
from protocols.documents.roles import ROOT_TYPE, RoleKeys, Root, write_root
from protocols.instants import DAY_MS
from protocols.link.records import OrderJudged
from tests.emulator.firmware.guarded.workbench import MONDAY_MS, ROOT, SIGNERS, Workbench

SPAN = HoldBody(MONDAY_MS, MONDAY_MS + DAY_MS)


def without_anna(version: int) -> Root:
    """The root in which anna protects no more; bert and chris do."""
    others = tuple(SIGNERS[holder].keyid for holder in ("bert", "chris"))
    return replace(ROOT, version=version, roles={**ROOT.roles, Role.PROTECT: RoleKeys(1, others)})


def tell(bench: Workbench, root: Root, *signers: str) -> tuple[str, str]:
    """What the meter makes of a root that these people have signed."""
    envelope = seal(write_root(root), ROOT_TYPE, [SIGNERS[holder] for holder in signers])
    noted = [each.record for each in bench.do(Document(envelope)) if isinstance(each, RecordEmitted)]
    (judged,) = (record for record in noted if isinstance(record, OrderJudged))
    return judged.verdict, judged.reason


def answer(bench: Workbench, holder: str) -> str:
    return bench.send(bench.order(Kind.HOLD, "a", SPAN), (holder,)).reason


def test_who_is_no_longer_listed_signs_in_vain_also_after_a_power_cut() -> None:
    bench = Workbench()
    assert answer(bench, "anna") == "stored"
    assert tell(bench, without_anna(2), "gina", "hugo") == ("accepted", "stored")
    assert (answer(bench, "anna"), answer(bench, "bert")) == ("too_few_signers", "stored")
    old = bench.meter
    bench.meter = GuardedMeter.restore(
        old.identity, old.profile, ROOT, old.image(), load_w=1_000, head=old.journal.head
    )
    assert (answer(bench, "anna"), answer(bench, "bert")) == ("too_few_signers", "stored")


def test_a_root_that_one_person_signed_or_that_is_not_newer_changes_nothing() -> None:
    bench = Workbench()
    assert tell(bench, without_anna(2), "gina") == ("refused", "too_few_signers")
    assert tell(bench, without_anna(2), "dora", "eric") == ("refused", "too_few_signers")
    assert tell(bench, without_anna(ROOT.version), "gina", "hugo") == ("refused", "stale_rev")
    assert answer(bench, "anna") == "stored"
