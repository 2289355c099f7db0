"""The roots that were in force, one after another: the way of a meter that has slept (design §5, root).

A meter takes a root only if people of the root that it holds have signed it. Where these people have gone
meanwhile, it does not take the present one, and needs those between. Each of them was signed by people of
the one before, so that all of them in their sequence always lead to the last.
"""

from collections.abc import Sequence
from typing import NamedTuple

from protocols.documents.envelope import read_envelope
from protocols.documents.roles import Root, accept_root, read_root
from protocols.errors import DocumentError


class ChainedRoot(NamedTuple):
    """A root that was in force. Where its envelope has no signature, it is known and cannot be sent."""

    root: Root
    envelope: bytes


class RootChain:
    """Roots by their versions, the earliest first."""

    def __init__(self, links: Sequence[ChainedRoot] = ()) -> None:
        by_version: dict[int, ChainedRoot] = {}
        for link in links:
            by_version.setdefault(link.root.version, link)
        self.links = tuple(by_version[version] for version in sorted(by_version))

    def steps_from(self, version: int) -> tuple[bytes, ...]:
        """What a meter that holds this version is sent, in this sequence; empty where it needs nothing.

        As few as lead to the last one. Of a version that this chain does not know, all later ones: the meter
        leaves out what it cannot take.
        """
        later = [link for link in self.links if link.root.version > version and _is_signed(link.envelope)]
        held = next((link.root for link in self.links if link.root.version == version), None)
        if held is None:
            return tuple(link.envelope for link in later)
        return tuple(link.envelope for link in _way(held, later)) or tuple(link.envelope for link in later)

    def walk(self, root: Root) -> ChainedRoot | None:
        """The last root to which this one leads; None where it leads to no later one."""
        later = [link for link in self.links if link.root.version > root.version]
        way = _way(root, later)
        return way[-1] if way else None


def write_chain(chain: RootChain) -> bytes:
    """The signed roots of a chain as a file for machines without a store: an envelope a line."""
    return b"".join(link.envelope + b"\n" for link in chain.links if _is_signed(link.envelope))


def read_chain(data: bytes) -> RootChain:
    """The roots of such a file. Raises DocumentError for a line that is none."""
    return RootChain(
        [ChainedRoot(read_root(read_envelope(line).payload), line) for line in data.splitlines()]
    )


def _way(root: Root, later: Sequence[ChainedRoot]) -> list[ChainedRoot]:
    """The roots by which `root` comes as far as it can, each as far as the one before lets it."""
    way: list[ChainedRoot] = []
    while True:
        step = next((link for link in reversed(later) if _leads(root, link)), None)
        if step is None:
            return way
        way.append(step)
        root = step.root


def _leads(root: Root, link: ChainedRoot) -> bool:
    try:
        return isinstance(accept_root(link.envelope, root), Root)
    except DocumentError:
        return False


def _is_signed(envelope: bytes) -> bool:
    return bool(read_envelope(envelope).signatures)
