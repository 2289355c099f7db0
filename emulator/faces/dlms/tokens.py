"""Token gateway, class 115: a signed document that somebody brings (IEC 62056-6-2). Pure.

The firmware judges it as one from a card or from the network; who brings it adds nothing to it. So success is
that it has come, and the status says what became of it.
"""

from typing import Final

from emulator.faces.dlms.dates import NOT_SPECIFIED, status_of, write_instant
from emulator.faces.dlms.deeds import BringDocument, ClockPreset, GivenValue, Outcome
from emulator.faces.dlms.model import CosemObject, constant, logical_name
from emulator.faces.dlms.services import DlmsResult
from emulator.faces.dlms.values import Datum, Tag, array, bits, octets, structure
from emulator.faces.view import FaceView
from protocols.cutting.zones import load_zone
from protocols.limits import PAYLOAD_BYTES_MAX
from protocols.link.records import ClaimHeard, OrderJudged
from protocols.reasons import ClaimVerdict, Did, OrderVerdict, Refusal

_ENTER: Final = 1
_REMOTE: Final = 0
# Status codes: what a token has come to.
_FORMAT_OK, _EXECUTED, _NOT_PROCESSED = 0, 3, 8
_FORMAT_FAILED, _AUTHENTICATION_FAILED, _VALIDATION_FAILED, _EXECUTION_FAILED = 4, 5, 6, 7
_BY_REFUSAL: Final = {
    Refusal.MALFORMED: _FORMAT_FAILED,
    Refusal.TOO_FEW_SIGNERS: _AUTHENTICATION_FAILED,
    Refusal.UNKNOWN_ISSUER: _AUTHENTICATION_FAILED,
    Refusal.UNSUPPORTED: _EXECUTION_FAILED,
    Refusal.TOO_MANY: _EXECUTION_FAILED,
}
# Of a signed time: it was heard, or it was none that this meter had asked for. Heard is not believed.
_NOT_VALID: Final = (ClaimVerdict.NOT_ADDRESSED, ClaimVerdict.UNKNOWN_NONCE, ClaimVerdict.STALE_NUMBER)


def _status_code(verdict: OrderJudged | ClaimHeard | None) -> int:
    match verdict:
        case None:
            return _NOT_PROCESSED
        case ClaimHeard():
            return _VALIDATION_FAILED if verdict.verdict in _NOT_VALID else _EXECUTED
        case OrderJudged(verdict=OrderVerdict.ACCEPTED):
            # A payment above what its issuer may spend now is credited later, by itself.
            return _NOT_PROCESSED if verdict.reason == Did.OVER_LIMIT else _EXECUTED
    return _BY_REFUSAL.get(Refusal(verdict.reason), _VALIDATION_FAILED)


def _described(verdict: OrderJudged | ClaimHeard | None) -> tuple[str, ...]:
    match verdict:
        case OrderJudged():
            return verdict.kind, verdict.object, verdict.verdict, verdict.reason
        case ClaimHeard():
            return "time", verdict.source, verdict.verdict
    return ()


def _token(view: FaceView) -> Datum:
    return octets(b"" if view.entered is None else view.entered.data)


def _time(view: FaceView) -> Datum:
    entered, zone = view.entered, load_zone(view.profile.zone)
    if entered is None:
        return octets(NOT_SPECIFIED)
    return octets(write_instant(entered.at_ms, zone, status_of(entered.clock, entered.at_ms, zone)))


def _description(view: FaceView) -> Datum:
    texts = () if view.entered is None else _described(view.entered.verdict)
    return array(*(octets(each.encode()) for each in texts))


def _status(view: FaceView) -> Datum:
    code = _FORMAT_OK if view.entered is None else _status_code(view.entered.verdict)
    return structure(Datum(Tag.ENUM, code), bits(0))


def _enter(given: GivenValue, _view: FaceView, _preset: ClockPreset) -> Outcome:
    if given.value.tag is not Tag.OCTET_STRING or len(given.value.octets) > PAYLOAD_BYTES_MAX:
        return DlmsResult.TYPE_UNMATCHED, None
    return DlmsResult.SUCCESS, BringDocument(given.value.octets)


TOKEN_GATEWAY: Final = CosemObject(
    115,
    0,
    logical_name("0-0:19.40.0"),
    {
        2: _token,
        3: _time,
        4: _description,
        5: constant(Datum(Tag.ENUM, _REMOTE)),
        6: _status,
    },
    methods={_ENTER: _enter},
)
