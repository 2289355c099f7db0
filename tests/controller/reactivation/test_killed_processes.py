"""The real program killed with SIGKILL while the mail server holds its answer: nothing is sent twice."""

import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from protocols.cutting.zones import load_zone
from protocols.instants import datetime_from_ms
from protocols.rim.clocks import now_ms
from tests.controller.faces.cli.invocation import RELANCE, call, environment
from tests.controller.households.households import ean
from tests.controller.reactivation.mail_server import MailBox

PATIENCE_S = 60.0
HOUSEHOLDS = 4


def where_it_is_noon() -> str:
    """A zone in which it is about noon now: there nothing waits for the morning."""
    hours = 12 - datetime_from_ms(now_ms()).hour
    # The sign of these names is the other way round (POSIX).
    return f"Etc/GMT{-hours:+d}"


@pytest.fixture
def june(home: Path, tmp_path: Path) -> Path:
    fleet, contacts = tmp_path / "fleet.csv", tmp_path / "contacts.csv"
    numbers = range(1, HOUSEHOLDS + 1)
    fleet.write_text("\n".join(["ean,meter,area", *(f"{ean(n)},m0000{n},Namur" for n in numbers)]))
    contacts.write_text("\n".join(["ean,email", *(f"{ean(n)},h{n}@example.be" for n in numbers)]))
    zone = where_it_is_noon()
    deadline = datetime.fromtimestamp(now_ms() // 1_000, UTC) + timedelta(days=30)
    written = deadline.astimezone(load_zone(zone)).isoformat()
    for argv in (
        ("meters", "import", str(fleet)),
        ("reactivation", "contacts", str(contacts)),
        (
            *("reactivation", "open", "june", "--where", "area==Namur", "--deadline", written),
            *("--zone", zone, "--sender", "The network", "--phone", "078787800"),
        ),
        ("reactivation", "remind", "june", "--wave", "first"),
    ):
        ended = call(home, *argv)
        assert ended.status == 0, ended
    return home


def test_a_run_that_is_killed_while_a_mail_goes_is_not_repeated_by_the_next(
    june: Path, mailbox: MailBox
) -> None:
    settings = {"RELANCE_SMTP": mailbox.url, "RELANCE_MAIL_FROM": "info@example.be"}
    mailbox.hold()
    with subprocess.Popen(
        [RELANCE, "reactivation", "send", "june"],
        env=environment(june, **settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert mailbox.came.wait(PATIENCE_S), "the first mail is at the server"
        process.send_signal(signal.SIGKILL)
        process.communicate()
    mailbox.go_on()
    assert process.returncode == -signal.SIGKILL
    found = call(june, "reactivation", "status", "june", "--json").found
    assert found["reached"] == {"acted": 0, "met": 0, "written": 0, "unknown": 1, "nobody": 3}
    sent = call(june, "reactivation", "send", "june", "--json", settings=settings).found
    assert (sent["sent"], sent["doubtful"]) == (HOUSEHOLDS - 1, 1)
    assert sorted(mailbox.receivers) == [f"h{n}@example.be" for n in range(1, HOUSEHOLDS + 1)]
    told = call(june, "reactivation", "send", "june", settings=settings).out
    assert "1 reminder may have gone, and nobody knows" in told
    assert len(mailbox.mails) == HOUSEHOLDS
