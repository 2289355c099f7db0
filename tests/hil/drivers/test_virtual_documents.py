"""Documents of any words on the virtual bench: brought as bytes, judged by the meter, told on a timeline."""

import pytest
from msgspec.structs import replace

from emulator.firmware.events import DocumentChannel
from emulator.scenario.model import TopUpSpec
from hil.capabilities import AccountReader, BenchError, Documents, JournalReader
from hil.drivers.virtual.bench import VirtualDut
from hil.stories.drafts import an_order, bring_sound, people_for
from hil.stories.stage import StoryBench
from protocols.documents.bodies import PaymentBody, TariffBody
from protocols.documents.kind_rule import Kind
from protocols.documents.orders import TimeAnswer
from protocols.instants import SECOND_MS
from protocols.limits import PAYLOAD_BYTES_MAX
from protocols.link.records import ClaimHeard, OrderJudged
from protocols.reasons import Source
from protocols.units import QUANTA_PER_EUR, UEUR_PER_EUR
from tests.hil.telling import bench_with, told


def test_a_document_counts_with_the_keys_of_those_who_sign_for_its_kind_and_with_no_others() -> None:
    def run(bench: StoryBench) -> None:
        order = an_order(bench, Kind.TARIFF, "tariff/meter", TariffBody(400_000, 0))
        for holders in (("nobody", "no-one"), ("dora",), ("dora", "eric")):
            bench.documents.bring(bench.documents.seal(order, *holders))
        judged = [each.reason for _, each in bench.journal.records() if isinstance(each, OrderJudged)]
        assert judged == ["too_few_signers", "too_few_signers", "tariff"]
        assert tuple(people_for(Kind.TARIFF)) == ("dora", "eric")

    record = told(run, Documents, JournalReader)
    assert record.why == ""
    lines = [moment.text for moment in record.timeline if moment.lane == "orders"]
    assert lines[0] == "written: tariff tariff/meter, revision 1; signed by nobody, no-one"
    assert lines[1].startswith("document ")
    assert lines[1].endswith(" brought")
    assert lines[1] == lines[3] == lines[5], "it is one document, whoever has signed it"


def test_an_answer_to_the_meters_own_question_is_heard() -> None:
    def run(bench: StoryBench) -> None:
        nonce = bench.documents.ask_time(Source.HEADEND)
        answer = TimeAnswer(meter="dut", nonce=nonce, time_ms=bench.now_ms, spread_ms=SECOND_MS)
        bench.documents.bring(bench.documents.seal(answer, Source.HEADEND))
        heard = [each.verdict for _, each in bench.journal.records() if isinstance(each, ClaimHeard)]
        assert heard == ["agrees"]

    record = told(run, Documents)
    assert record.why == ""
    assert "the meter asks headend for the time" in [moment.text for moment in record.timeline]
    assert any("written: the time 2020-06-24T06:00:00" in moment.text for moment in record.timeline)


def test_what_no_document_can_carry_and_a_meter_that_asks_nobody_are_errors_of_the_bench() -> None:
    def too_long(bench: StoryBench) -> None:
        order = an_order(bench, Kind.TARIFF, "tariff/meter", TariffBody(400_000, 0))
        with pytest.raises(BenchError, match="document: one that can be carried expected"):
            bench.documents.seal(replace(order, basis="x" * PAYLOAD_BYTES_MAX), "dora", "eric")

    def of_2020(bench: StoryBench) -> None:
        with pytest.raises(BenchError, match="it asks nobody"):
            bench.documents.ask_time(Source.HEADEND)

    assert told(too_long, Documents).why == ""
    assert told(of_2020, Documents, bench=bench_with(VirtualDut("legacy-2020"))).why == ""


def test_the_account_holds_what_was_paid() -> None:
    def run(bench: StoryBench) -> None:
        before = bench.accounts.account()
        body = PaymentBody("bench", 1, 7 * UEUR_PER_EUR)
        bring_sound(bench, an_order(bench, Kind.PAYMENT, "payment/bench", body))
        bench.orders.bring(TopUpSpec("other", 5 * UEUR_PER_EUR, DocumentChannel.MQTT))
        after = bench.accounts.account()
        assert int(after.credited_q) - int(before.credited_q) == 12 * QUANTA_PER_EUR

    assert told(run, AccountReader, Documents).why == ""
