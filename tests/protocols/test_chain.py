"""Nothing in a chain can be changed, dropped, added or moved unseen."""

from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from protocols.chain import GENESIS, Entry, Head, append, verify

BODIES = st.lists(st.binary(max_size=20), min_size=1, max_size=12)


def chain(bodies: list[bytes], head: Head = GENESIS) -> list[Entry]:
    first = append(head, bodies[0])
    return list(accumulate(bodies[1:], lambda entry, body: append(entry.head, body), initial=first))


@given(bodies=BODIES)
def test_a_chain_is_whole_as_written_and_numbered_from_one(bodies: list[bytes]) -> None:
    entries = chain(bodies)

    assert verify(entries) is None
    assert verify(entries, to_head=entries[-1].head) is None
    assert [entry.number for entry in entries] == list(range(1, len(bodies) + 1))
    assert [entry.body for entry in entries] == bodies
    assert all(later.previous_hash == sooner.hash for sooner, later in pairwise(entries))


@given(data=st.data(), bodies=BODIES)
def test_any_changed_field_is_found_at_its_number(data: st.DataObject, bodies: list[bytes]) -> None:
    entries = chain(bodies)
    at = data.draw(st.integers(0, len(entries) - 1))
    entry = entries[at]
    changed = data.draw(
        st.sampled_from(
            [
                replace(entry, number=entry.number + 1),
                replace(entry, body=entry.body + b"\0"),
                replace(entry, previous_hash=bytes(32)),
                replace(entry, hash=bytes(32)),
            ]
        )
    )
    assert verify([*entries[:at], changed, *entries[at + 1 :]]) == entry.number


@given(data=st.data(), bodies=BODIES)
def test_a_forged_entry_breaks_the_one_after_it(data: st.DataObject, bodies: list[bytes]) -> None:
    entries = chain(bodies)
    at = data.draw(st.integers(0, len(entries) - 1))
    forged = append(entries[at - 1].head if at else GENESIS, entries[at].body + b"!")
    told = [*entries[:at], forged, *entries[at + 1 :]]

    last = at == len(entries) - 1
    assert verify(told) == (None if last else forged.number + 1)
    assert verify(told, to_head=entries[-1].head) == forged.number + 1


@given(data=st.data(), bodies=BODIES)
def test_a_missing_a_doubled_and_a_moved_entry_are_found(data: st.DataObject, bodies: list[bytes]) -> None:
    entries = chain(bodies)
    at = data.draw(st.integers(0, len(entries) - 1))
    number = at + 1
    missing = [*entries[:at], *entries[at + 1 :]]

    assert verify(missing, to_head=entries[-1].head) == number
    assert verify([*entries[: at + 1], *entries[at:]]) == number + 1
    if at:
        moved = [*entries[: at - 1], entries[at], entries[at - 1], *entries[at + 1 :]]
        assert verify(moved) == number - 1


@given(data=st.data(), bodies=BODIES)
def test_a_ring_is_verified_from_the_head_before_its_oldest_entry(
    data: st.DataObject, bodies: list[bytes]
) -> None:
    entries = chain(bodies)
    at = data.draw(st.integers(1, len(entries)))

    assert verify(entries[at:], from_head=entries[at - 1].head) is None
    if at < len(entries):
        assert verify(entries[at:]) == 1


def test_bytes_of_one_field_cannot_pass_for_bytes_of_the_next() -> None:
    assert append(Head(0, b"ab"), b"c").hash != append(Head(0, b"a"), b"bc").hash


def test_no_entries_are_a_whole_chain_unless_a_head_is_expected() -> None:
    assert verify([]) is None
    assert verify([], to_head=GENESIS) is None
    assert verify([], to_head=append(GENESIS, b"").head) == 1


def test_the_hash_stays_as_it_is_over_versions() -> None:
    # Journals and audits outlive the program that wrote them: a change here needs a new format.
    entry = append(GENESIS, b'{"event":"commissioned"}')
    assert entry.hash.hex() == "9e5bbb8392c263ab4c538f7708df101d1bb3207d1947e072fdcda7fd1f1ea9cb"
