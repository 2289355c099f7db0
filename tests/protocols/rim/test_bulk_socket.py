"""A socket read in large pieces gives paho the same bytes, and never keeps the loop for itself."""

import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.rim.bulk_socket import BulkSocket

Pair = tuple[socket.socket, BulkSocket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    theirs, ours = socket.socketpair()
    ours.setblocking(False)
    with theirs, ours:
        yield theirs, BulkSocket(ours)


@given(st.binary(min_size=1, max_size=500), st.lists(st.integers(1, 40), min_size=1))
def test_what_is_read_is_what_was_sent_whatever_is_asked_for(sent: bytes, sizes: list[int]) -> None:
    theirs, ours = socket.socketpair()
    ours.setblocking(False)
    with theirs, ours:
        bulk, read = BulkSocket(ours), b""
        theirs.sendall(sent)
        while len(read) < len(sent):
            size = sizes[len(read) % len(sizes)]
            part = bulk.recv(size)
            assert 1 <= len(part) <= size
            read += part
        assert read == sent
        assert bulk.pending() == 0


def test_a_turn_reads_the_system_once(pair: Pair) -> None:
    theirs, bulk = pair
    theirs.sendall(b"one")
    assert bulk.recv(3) == b"one"
    theirs.sendall(b"two")
    with pytest.raises(BlockingIOError):
        bulk.recv(1)
    assert bulk.pending() == 0  # the turn is over
    assert (bulk.recv(1), bulk.pending(), bulk.recv(9)) == (b"t", 2, b"wo")


def test_nothing_there_is_no_end_and_the_end_is_no_bytes(pair: Pair) -> None:
    theirs, bulk = pair
    with pytest.raises(BlockingIOError):
        bulk.recv(1)
    theirs.sendall(b"x")
    assert bulk.recv(1) == b"x"
    assert bulk.pending() == 0
    theirs.close()
    assert bulk.recv(1) == b""


def test_what_is_sent_arrives_and_a_closed_socket_has_no_number(pair: Pair) -> None:
    theirs, bulk = pair
    assert bulk.send(b"x") == 1
    assert theirs.recv(1) == b"x"
    assert bulk.fileno() >= 0
    bulk.close()
    assert bulk.fileno() == -1
