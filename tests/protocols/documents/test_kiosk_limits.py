"""A kiosk's limits: only above the ones before, by somebody who may, and a revocation is for good."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cardreader.issuing.practice import practice_root, practice_signer
from protocols.documents.envelope import Signer, seal
from protocols.documents.kiosk_limits import (
    KIOSK_LIMITS_TYPE,
    KioskLimits,
    accept_limits,
    open_limits,
    read_limits,
    write_limits,
)
from protocols.errors import DocumentError
from protocols.limits import KIOSK_OFFLINE_COUNT_MAX, KIOSK_OFFLINE_HOURS_MAX
from protocols.reasons import Refusal
from protocols.units import UEUR_PER_EUR

ROOT = practice_root("limits", 4_000_000_000_000)
ANNA, DORA, SERVICE = (practice_signer("limits", name) for name in ("anna", "dora", "service"))
FIRST = KioskLimits(kiosk="k1", version=1)
LIMITS = st.builds(
    KioskLimits,
    kiosk=st.just("k1"),
    version=st.integers(1, 5),
    payment_max_ueur=st.integers(5, 250).map(lambda eur: eur * UEUR_PER_EUR),
    offline_count=st.integers(0, KIOSK_OFFLINE_COUNT_MAX),
    offline_hours=st.integers(0, KIOSK_OFFLINE_HOURS_MAX),
    revoked=st.booleans(),
)


def signed(limits: KioskLimits, *signers: Signer) -> bytes:
    return seal(write_limits(limits), KIOSK_LIMITS_TYPE, signers or [ANNA])


@given(st.lists(LIMITS, max_size=8))
def test_versions_only_rise_and_a_revocation_counts_by_any_and_stays(told: list[KioskLimits]) -> None:
    now: KioskLimits | None = None
    for limits in told:
        found = accept_limits(signed(limits), ROOT, "k1", now)
        if isinstance(found, Refusal):
            assert now is not None
            assert now.revoked or not limits.revoked
            assert limits.version <= now.version or now.revoked
            continue
        rises = now is None or found.version > now.version
        assert rises or (found.revoked and now is not None and not now.revoked)
        assert now is None or found.revoked or not now.revoked
        now = found


@given(LIMITS)
def test_limits_read_as_they_were_written(limits: KioskLimits) -> None:
    assert read_limits(write_limits(limits)) == limits


@pytest.mark.parametrize(
    ("envelope", "why"),
    [
        (signed(FIRST, DORA), "nobody has signed them who may"),
        (signed(FIRST, SERVICE), "nobody has signed them who may"),
        (signed(replace(FIRST, kiosk="k2")), "of k2; expected k1"),
        (seal(write_limits(FIRST), "application/json", [ANNA]), "payloadType"),
    ],
)
def test_limits_of_somebody_else_are_refused(envelope: bytes, why: str) -> None:
    with pytest.raises(DocumentError, match=why):
        open_limits(envelope, ROOT, "k1")


@pytest.mark.parametrize(
    "changed",
    [
        {"payment_min_ueur": 4 * UEUR_PER_EUR},
        {"payment_max_ueur": 251 * UEUR_PER_EUR},
        {"payment_min_ueur": 20 * UEUR_PER_EUR, "payment_max_ueur": 10 * UEUR_PER_EUR},
        {"offline_count": KIOSK_OFFLINE_COUNT_MAX + 1},
        {"offline_hours": KIOSK_OFFLINE_HOURS_MAX + 1},
        {"version": 0},
    ],
)
def test_limits_beyond_what_a_kiosk_may_ever_do_cannot_be_written(changed: dict[str, int]) -> None:
    with pytest.raises(DocumentError):
        write_limits(replace(FIRST, **changed))
