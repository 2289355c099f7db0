"""The folder of `relance broker config`: kept where it fits, renewed where asked, whole after any stop."""

from pathlib import Path

import pytest

from controller.broker.certificates import Credentials, read_credentials
from controller.broker.folder import BrokerWishes, configure, grant_kiosk, withdraw_kiosk
from protocols.errors import InputError
from protocols.rim.tls import client_context

PASSPHRASE = "correct horse battery"
WISHES = BrokerWishes("127.0.0.1", 8883, ("127.0.0.1", "localhost"), added=("link-1", "link-2"))
AGAIN = BrokerWishes("127.0.0.1", 8883, ("127.0.0.1", "localhost"))


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    configure(tmp_path / "broker", WISHES, PASSPHRASE)
    return tmp_path / "broker"


def user_of(folder: Path, place: str) -> str:
    key, certificate = folder / place / "key.pem", folder / place / "cert.pem"
    return read_credentials(Credentials(key.read_bytes(), certificate.read_bytes())).name


def test_a_second_run_changes_nothing(folder: Path) -> None:
    before = files_in(folder)
    assert configure(folder, AGAIN, PASSPHRASE).made == ()
    assert files_in(folder) == before


def test_each_client_gets_a_folder_that_works_alone(folder: Path) -> None:
    for place in ("serve", "timeserver", "links/link-1", "links/link-2"):
        client_context(folder / place)
        assert all((path.stat().st_mode & 0o077) == 0 for path in (folder / place).iterdir())


def test_a_new_link_leaves_the_others_alone(folder: Path) -> None:
    before = files_in(folder)
    assert configure(folder, BrokerWishes("127.0.0.1", 8883, WISHES.hosts, ("link-3",)), PASSPHRASE).made == (
        "link-3",
    )
    after = files_in(folder)
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {"server/acl"}
    assert "user link:link-3:1" in after["server/acl"].decode()


def test_renewed_credentials_have_the_next_generation_and_the_old_one_no_rights(folder: Path) -> None:
    wishes = BrokerWishes("127.0.0.1", 8883, WISHES.hosts, renewed=("link-1", "serve"))
    assert set(configure(folder, wishes, PASSPHRASE).made) == {"link-1", "serve"}
    assert user_of(folder, "links/link-1") == "link:link-1:2"
    assert user_of(folder, "serve") == "program:serve:2"
    users = [
        line for line in (folder / "server" / "acl").read_text().splitlines() if line.startswith("user ")
    ]
    assert sorted(users) == [
        "user link:link-1:2",
        "user link:link-2:1",
        "user program:serve:2",
        "user program:timeserver:1",
    ]


def test_a_link_that_is_taken_away_has_no_rights_and_no_files(folder: Path) -> None:
    wishes = BrokerWishes("127.0.0.1", 8883, WISHES.hosts, removed=("link-1",))
    assert configure(folder, wishes, PASSPHRASE).links == ("link-2",)
    assert "link-1" not in (folder / "server" / "acl").read_text()
    assert not (folder / "links" / "link-1").exists()


def test_new_hosts_renew_the_brokers_own_credentials_only(folder: Path) -> None:
    wishes = BrokerWishes("127.0.0.1", 8883, ("broker.example",))
    assert configure(folder, wishes, PASSPHRASE).made == ("server",)


def test_a_key_without_its_certificate_is_replaced(folder: Path) -> None:
    """What a stop between the two writes of a renewal leaves."""
    other = folder / "links" / "link-2" / "key.pem"
    (folder / "links" / "link-1" / "key.pem").write_bytes(other.read_bytes())
    assert configure(folder, AGAIN, PASSPHRASE).made == ("link-1",)
    assert user_of(folder, "links/link-1") == "link:link-1:2"


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        (BrokerWishes("h", 1, ("h",), removed=("link-9",)), "--without: link-9; allowed: link-1, link-2"),
        (
            BrokerWishes("h", 1, ("h",), renewed=("nobody",)),
            "--renew: nobody; allowed: link-1, link-2, serve, server, timeserver",
        ),
    ],
)
def test_wrong_names_are_told_and_change_nothing(folder: Path, wishes: BrokerWishes, told: str) -> None:
    before = files_in(folder)
    with pytest.raises(InputError) as caught:
        configure(folder, wishes, PASSPHRASE)
    assert str(caught.value) == told
    assert files_in(folder) == before


def test_a_wrong_passphrase_changes_nothing(folder: Path) -> None:
    before = files_in(folder)
    with pytest.raises(InputError, match=r"ca\.key\.pem: wrong passphrase, or the file is damaged"):
        configure(folder, BrokerWishes("h", 1, ("h",)), "another")
    assert files_in(folder) == before


@pytest.mark.parametrize("place", ["links/link-1/cert.pem", "links/link-1/key.pem", "ca.pem"])
def test_a_damaged_file_is_named(folder: Path, place: str) -> None:
    (folder / place).write_bytes(b"-----BEGIN NOTHING-----\n")
    with pytest.raises(InputError, match=str((folder / place).parent)):
        configure(folder, AGAIN, PASSPHRASE)


def test_credentials_of_another_link_are_refused(folder: Path) -> None:
    for name in ("key.pem", "cert.pem"):
        (folder / "links" / "link-1" / name).write_bytes((folder / "links" / "link-2" / name).read_bytes())
    with pytest.raises(InputError, match='of "link:link-2:1"; allowed: of link-1'):
        configure(folder, AGAIN, PASSPHRASE)


def test_a_kiosk_comes_and_goes_and_the_others_stay(folder: Path) -> None:
    before = files_in(folder)
    place = grant_kiosk(folder, "k1", PASSPHRASE)
    granted = files_in(folder)
    assert "user kiosk:k1:1" in granted["server/acl"].decode()
    assert user_of(folder, "kiosks/k1") == "kiosk:k1:1"
    client_context(place)
    assert grant_kiosk(folder, "k1", PASSPHRASE) == place
    assert files_in(folder) == granted
    assert configure(folder, AGAIN, PASSPHRASE).kiosks == ("k1",)
    assert files_in(folder) == granted
    assert withdraw_kiosk(folder, "k1")
    assert files_in(folder) == before
    assert not withdraw_kiosk(folder, "k1")
