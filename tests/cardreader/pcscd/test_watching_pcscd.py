"""A real pcscd is watched: it is killed, comes back, and nothing is told twice."""

import resource

from cardreader.card.card import SmartCard
from cardreader.readers.opening import open_card
from cardreader.readers.reader_events import CardCame, CardWent, ReadersBack
from cardreader.readers.watching import Watcher
from tests.cardreader.one_card import issued, session
from tests.cardreader.pcscd.private_pcscd import PrivatePcscd
from tests.cardreader.readers.test_watching import Heard


def test_cards_come_and_go_and_are_read_meanwhile(pcscd: PrivatePcscd) -> None:
    heard = Heard()
    with Watcher("any", heard.take):
        pcscd.insert("Kiosk", SmartCard(issued()))
        heard.expect([CardCame("Kiosk 00 00")])
        with open_card("Kiosk") as channel:
            session(channel)
        pcscd.insert("Office", SmartCard(issued()))
        heard.expect([CardCame("Office 01 00")])
        # One that says the same.
        pcscd.insert("Kiosk", SmartCard(issued()))
        heard.expect([CardWent("Kiosk 00 00"), CardCame("Kiosk 00 00")])
        pcscd.pull("Office")
        heard.expect([CardWent("Office 01 00")])
    heard.assert_nothing_more()


def test_one_reader_is_watched_and_not_the_other(pcscd: PrivatePcscd) -> None:
    heard = Heard()
    with Watcher("office", heard.take):
        pcscd.insert("Kiosk", SmartCard(issued()))
        pcscd.insert("Office", SmartCard(issued()))
        heard.expect([CardCame("Office 01 00")])
    heard.assert_nothing_more()


def test_a_service_that_is_killed_and_started_again(pcscd: PrivatePcscd) -> None:
    heard = Heard()
    pcscd.insert("Kiosk", SmartCard(issued()))
    with Watcher("any", heard.take):
        heard.expect([CardCame("Kiosk 00 00")])
        for _ in range(3):
            pcscd.kill()
            heard.expect([CardWent("Kiosk 00 00")])
            heard.expect_loss()
            pcscd.start()
            heard.expect([ReadersBack()])
            pcscd.insert("Kiosk", SmartCard(issued()))
            heard.expect([CardCame("Kiosk 00 00")])
    heard.assert_nothing_more()


def test_waiting_for_a_service_takes_no_time_of_the_processor(pcscd: PrivatePcscd) -> None:
    heard = Heard()
    with Watcher("any", heard.take) as watcher:
        pcscd.kill()
        heard.expect_loss()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        watcher._stopped.wait(1)
        used = resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
    # A loop without a pause uses all of that second.
    assert used < 0.3
    heard.assert_nothing_more()
