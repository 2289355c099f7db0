"""What a COSEM object is here: attributes that are read from a view, and who may do what. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag, unique
from typing import Final

from emulator.faces.dlms.deeds import Doing, refused_and_told
from emulator.faces.dlms.services import DlmsResult
from emulator.faces.dlms.values import NULL, Datum, Tag, array, octets, structure
from emulator.faces.view import FaceView

# The six bytes of a logical name end so: the value that counts now, and no billing period.
_NOW: Final = 255
# Three letters for the maker, as the FLAG association would give them.
MAKER: Final = b"RLC"


@unique
class Client(IntEnum):
    """Whoever opens an association, by the port of the wrapper."""

    PUBLIC = 16
    READER = 2
    MANAGEMENT = 1


class Access(IntFlag):
    """Access mode of an attribute (association LN, version 1)."""

    NONE = 0
    READ = 1
    WRITE = 2


Reading = Callable[[FaceView], Datum]
# A part of an attribute, by what the selector was given; or why there is none.
PartReading = Callable[[Datum, FaceView], Datum | DlmsResult]


@dataclass(frozen=True, slots=True)
class CosemObject:
    """`readings`: attributes from 2 on, by number; the first is the logical name.

    `writes` and `methods`: what others than the public client may write and invoke, by number. `parts`: of an
    attribute, what each access selector reads. `is_public`: also the public client reads it.
    """

    class_id: int
    version: int
    name: bytes
    readings: Mapping[int, Reading]
    writes: Mapping[int, Doing] = field(default_factory=dict)
    methods: Mapping[int, Doing] = field(default_factory=dict)
    parts: Mapping[int, Mapping[int, PartReading]] = field(default_factory=dict)
    is_public: bool = False

    def may_read(self, attribute: int) -> bool:
        """Whether who has the object may read an attribute of it; none that is not there."""
        return attribute == 1 or attribute in self.readings

    def may_write(self, client: Client, attribute: int) -> bool:
        """Whether a client may write an attribute."""
        return client is not Client.PUBLIC and attribute in self.writes

    def access(self, client: Client, attribute: int) -> Access:
        """What a client may do with an attribute, as the object list says it."""
        readable = Access.READ if self.may_read(attribute) else Access.NONE
        return readable | (Access.WRITE if self.may_write(client, attribute) else Access.NONE)

    def may_act(self, client: Client, method: int) -> bool:
        """Whether a client may invoke a method. What takes signatures client 1 alone may ask for."""
        doing = self.methods.get(method)
        if doing is None or client is Client.PUBLIC:
            return False
        return client is Client.MANAGEMENT or doing is not refused_and_told

    def read(self, attribute: int, view: FaceView) -> Datum:
        """The value of an attribute that is there."""
        return octets(self.name) if attribute == 1 else self.readings[attribute](view)


def logical_name(code: str) -> bytes:
    """The six bytes of an OBIS code such as `0-0:96.1.0`."""
    medium, _, rest = code.partition("-")
    channel, _, value = rest.partition(":")
    return bytes((int(medium), int(channel), *(int(each) for each in value.split(".")), _NOW))


def constant(value: Datum) -> Reading:
    """An attribute that never changes."""
    return lambda _view: value


def visible_to(objects: tuple[CosemObject, ...], client: Client) -> tuple[CosemObject, ...]:
    """The objects that a client has in its association."""
    return tuple(each for each in objects if each.is_public or client is not Client.PUBLIC)


def object_list(objects: tuple[CosemObject, ...], client: Client) -> Datum:
    """The objects of an association, with what its client may do (class 15, attribute 2)."""
    return array(*(_listed(each, client) for each in objects))


def _listed(each: CosemObject, client: Client) -> Datum:
    attributes = (
        structure(Datum(Tag.INTEGER, at), Datum(Tag.ENUM, each.access(client, at)), _selectors(each, at))
        for at in (1, *sorted(each.readings))
    )
    methods = (
        structure(Datum(Tag.INTEGER, at), Datum(Tag.ENUM, each.may_act(client, at)))
        for at in sorted(each.methods)
    )
    return structure(
        Datum(Tag.LONG_UNSIGNED, each.class_id),
        Datum(Tag.UNSIGNED, each.version),
        octets(each.name),
        structure(array(*attributes), array(*methods)),
    )


def _selectors(each: CosemObject, attribute: int) -> Datum:
    """The access selectors of an attribute; null where it has none."""
    parts = each.parts.get(attribute)
    return array(*(Datum(Tag.INTEGER, selector) for selector in sorted(parts))) if parts else NULL
