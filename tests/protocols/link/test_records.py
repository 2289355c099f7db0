"""Records as both ends read them: the bytes of journals that exist do not change."""

from typing import get_args

import msgspec
import pytest
from hypothesis import given

from protocols.link.records import RECORDS, GateJudged, Record, read_record
from protocols.reasons import Because, ClaimSource, ClaimVerdict, Refusal, Source
from tests.protocols.link.link_messages import QUESTION
from tests.protocols.link.link_messages import RECORDS as ANY_RECORDS

# As version 0.1 wrote it.
VERDICT = (
    b'{"event":"verdict","open":true,"reason":"permitted","question":{"cause":"credit",'
    b'"interval":{"status":"trusted","earliest_ms":1594000010000,"latest_ms":1594000012000},'
    b'"permission":{"windows_ms":[[1594000000000,1594000020000]],"lease_ends_ms":1594000100000,'
    b'"complete":true},"holds":[],'
    b'"evidence":{"nothing_left":true,"limiter_ordered":false,"order_from_ms":0,"order_until_ms":0,'
    b'"cancelled":false},"flags":{"release_holds":false}}}'
)


def test_a_verdict_has_the_bytes_that_it_always_had() -> None:
    record = GateJudged(True, Because.PERMITTED, QUESTION)
    assert msgspec.json.encode(record) == VERDICT
    assert msgspec.json.decode(VERDICT, type=GateJudged) == record


def test_a_claim_record_can_name_every_authority_and_every_refusal() -> None:
    assert {each.value for each in ClaimSource} == {each.value for each in Source} | {"unsigned"}
    refusals = {ClaimVerdict.NOT_ADDRESSED, ClaimVerdict.UNKNOWN_NONCE, ClaimVerdict.STALE_NUMBER}
    assert {each.value for each in ClaimVerdict} & {each.value for each in Refusal} == refusals


@given(record=ANY_RECORDS)
def test_whatever_a_meter_records_is_read_back_by_the_controller(record: Record) -> None:
    assert read_record(msgspec.json.encode(record).decode()) == record


def test_no_kind_of_record_is_left_out_of_the_list() -> None:
    assert set(RECORDS) == set(get_args(Record))


@pytest.mark.parametrize(
    "text",
    [
        '{"event":"dream"}',
        '{"event":"supply","before":"on","after":"off","reason":"whim"}',
        '{"event":"verdict","open":true,"reason":"permitted","question":{}}',
        '["no","record"]',
    ],
)
def test_a_record_of_a_later_version_is_recognised_without_an_error(text: str) -> None:
    assert read_record(text) is None
