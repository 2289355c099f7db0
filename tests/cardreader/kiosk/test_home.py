"""A kiosk's home: what is written is read again, and what is wrong is said by its file."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from cardreader.issuing.practice import practice_root, practice_secret, practice_signer
from cardreader.kiosk.home import (
    CARDS_FILE,
    FORM_FILE,
    ISSUERS_FILE,
    KEY_FILE,
    ROOT_FILE,
    WORDS_FILE,
    BrokerPlace,
    CardsKey,
    KioskForm,
    KioskHome,
    open_home,
    practice_home,
    replace_cards_key,
    replace_form,
    replace_in_home,
    write_home,
)
from protocols.documents.envelope import Signer, seal
from protocols.documents.issuers import ISSUERS_TYPE, Issuer, Issuers, write_issuers
from protocols.documents.roles import ROOT_TYPE, write_root
from protocols.errors import InputError, RefusedError

SIGNER = Signer.from_seed(practice_secret("1", "kiosk/k1"))
FORM = KioskForm(kiosk="k1", office="namur", issuer="k1", epoch=1, broker=BrokerPlace("broker.example"))
HARM = [practice_signer("1", each) for each in ("dora", "eric")]
ROOT = seal(write_root(practice_root("1", 4_000_000_000_000)), ROOT_TYPE, HARM)


def issuers_with(name: str, signer: Signer, epoch: int = 1) -> bytes:
    named = Issuer(name=name, epoch=epoch, public=signer.public.hex(), allowance_ueur_per_day=10**9)
    return seal(write_issuers(Issuers(version=epoch, issuers=(named,))), ISSUERS_TYPE, HARM)


HOME = KioskHome(FORM, SIGNER, CardsKey(3, 64 * "a"), 32 * b"w", ROOT, issuers_with("k1", SIGNER))


def test_a_home_is_read_as_it_was_written_and_only_its_owner_may(tmp_path: Path) -> None:
    written = write_home(HOME, tmp_path / "k1")
    found = open_home(tmp_path / "k1")
    assert (found.form, found.cards, found.words_key) == (FORM, HOME.cards, HOME.words_key)
    assert (found.root, found.issuers, found.limits) == (ROOT, HOME.issuers, b"")
    assert found.signer.keyid == SIGNER.keyid
    assert written.folder == found.folder == tmp_path / "k1"
    assert found.store == tmp_path / "k1" / "kiosk.db"
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "k1").iterdir()}
    assert (modes, (tmp_path / "k1").stat().st_mode & 0o777) == ({0o600}, 0o700)
    with pytest.raises(InputError, match="a kiosk's home already"):
        write_home(HOME, tmp_path / "k1")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (FORM_FILE, b"{}", "missing required field"),
        (FORM_FILE, msgspec.json.encode(FORM)[:-1] + b',"more":1}', "unknown field `more`"),
        (KEY_FILE, b"-----BEGIN PRIVATE KEY-----\n", "no Ed25519 key without passphrase"),
        (CARDS_FILE, b'{"generation":1,"key":"aa"}', "cards.key"),
        (WORDS_FILE, b"00\n", "allowed: 64 hex digits"),
        (ROOT_FILE, b"{}", "root.json"),
        (ROOT_FILE, None, "no such file"),
        (ISSUERS_FILE, b"[]", "issuers.json"),
        (ISSUERS_FILE, 1_000_000 * b" ", "too long"),
    ],
)
def test_a_wrong_file_is_said_in_one_line(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    write_home(HOME, tmp_path / "k1")
    (tmp_path / "k1" / name).unlink()
    if content is not None:
        (tmp_path / "k1" / name).write_bytes(content)
    with pytest.raises(InputError, match=name) as caught:
        open_home(tmp_path / "k1")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_home_that_was_begun_is_made_anew(tmp_path: Path) -> None:
    write_home(HOME, tmp_path / "k1")
    (tmp_path / "k1" / FORM_FILE).unlink()
    with pytest.raises(InputError, match="the controller makes"):
        open_home(tmp_path / "k1")
    write_home(HOME, tmp_path / "k1")
    assert open_home(tmp_path / "k1").form == FORM


def test_newer_documents_take_the_place_of_the_old_ones(tmp_path: Path) -> None:
    home = write_home(HOME, tmp_path / "k1")
    newer = issuers_with("k1", SIGNER, epoch=2)
    home = replace_in_home(home, ISSUERS_FILE, newer)
    home = replace_cards_key(home, CardsKey(4, 64 * "b"))
    home = replace_form(home, msgspec.structs.replace(FORM, office="liege"))
    found = open_home(tmp_path / "k1")
    assert (found.issuers, found.cards.generation, found.form.office) == (newer, 4, "liege")
    assert (home.issuers, home.cards, home.form) == (found.issuers, found.cards, found.form)
    assert found.epoch() == 2


@pytest.mark.parametrize(
    ("issuers", "said"),
    [
        (b"", "does not name it"),
        (issuers_with("k2", SIGNER), "does not name it"),
        (issuers_with("k1", practice_signer("1", "anna")), "with another key"),
    ],
)
def test_a_kiosk_whose_statements_no_meter_takes_says_so(issuers: bytes, said: str) -> None:
    home = replace(HOME, issuers=issuers)
    with pytest.raises(RefusedError, match=said):
        home.own_issuer()
    with pytest.raises(RefusedError, match=said):
        home.epoch()


def test_practice_has_no_folder_and_no_issuers_document() -> None:
    home = practice_home("7")
    assert (home.own_issuer(), home.epoch(), home.known_root()) == (None, 0, None)
    assert home.signer.keyid == practice_signer("7", "anna").keyid
    assert home.cards.secret != practice_home("8").cards.secret
    with pytest.raises(InputError, match="practice has no home"):
        home.store  # noqa: B018 # the property refuses
    with pytest.raises(InputError, match="practice has no home"):
        replace_in_home(home, ROOT_FILE, ROOT)
    assert "aaaa" not in repr(HOME)
