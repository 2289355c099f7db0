"""What a meter holds, as it has said on its card at its last visit. Nothing here proves it. Pure."""

from typing import Final

import msgspec

from cardreader.loading.contents import CardContents
from protocols.decoding import read_json
from protocols.errors import DocumentError
from protocols.link.messages import MeterHolds

_holdings: Final = msgspec.json.Decoder(MeterHolds)


def holdings_on(found: CardContents) -> MeterHolds | None:
    """The meter's holdings; None where the card has none, or none that can be read."""
    for word in found.reports.words:
        try:
            return read_json(_holdings, word, "REPORTS")
        except DocumentError:
            continue  # another word: the report, or nothing that we know
    return None
