"""Who is due next among many: a heap of true instants; superseded entries are dropped at the top. Pure."""

import heapq
from collections.abc import Hashable
from typing import Generic, TypeVar

from protocols.instants import UtcMs

K = TypeVar("K", bound=Hashable)


class Agenda(Generic[K]):
    """At most one instant per key, the last one put. Of equal instants the first put is the first out."""

    __slots__ = ("_due_ms", "_heap", "_number")

    def __init__(self) -> None:
        self._heap: list[tuple[UtcMs, int, K]] = []
        self._due_ms: dict[K, tuple[UtcMs, int]] = {}
        self._number = 0

    def put(self, key: K, due_ms: UtcMs) -> None:
        """`key` is due at `due_ms`, and at no other instant."""
        held = self._due_ms.get(key)
        if held is not None and held[0] == due_ms:
            return
        self._number += 1
        self._due_ms[key] = (due_ms, self._number)
        heapq.heappush(self._heap, (due_ms, self._number, key))

    def has(self, key: K) -> bool:
        """Whether an instant of `key` is to come."""
        return key in self._due_ms

    def next_due_ms(self) -> UtcMs | None:
        """The earliest instant; None where nobody is due."""
        while self._heap:
            due_ms, number, key = self._heap[0]
            if self._due_ms.get(key) == (due_ms, number):
                return due_ms
            heapq.heappop(self._heap)
        return None

    def pop_due(self, until_ms: UtcMs) -> tuple[UtcMs, K] | None:
        """Remove and return the earliest that is due up to and including `until_ms`; None where none is."""
        due_ms = self.next_due_ms()
        if due_ms is None or due_ms > until_ms:
            return None
        key = heapq.heappop(self._heap)[2]
        del self._due_ms[key]
        return due_ms, key
