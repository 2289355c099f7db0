"""A desk with a kiosk's home, a household's card, and the keys of two people."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from cardreader.card.store import WholeMemory
from cardreader.issuing.practice import practice_signer
from cardreader.kiosk.home import write_home
from cardreader.kiosk.key_files import KEYID_LINE
from cardreader.readers.virtual import VirtualCard
from tests.cardreader.cli.test_kiosk_home import PASSPHRASE
from tests.cardreader.kiosk.till_bench import CARD, home_of


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    write_home(home_of("k1"), tmp_path / "k1")
    VirtualCard.create(tmp_path / "card.bin", WholeMemory(CARD))
    for name in ("anna", "dora"):
        signer = practice_signer("1", name)
        pem = signer.private.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE.encode())
        )
        (tmp_path / f"{name}.pem").write_bytes(KEYID_LINE + signer.keyid.encode() + b"\n" + pem)
    return tmp_path
