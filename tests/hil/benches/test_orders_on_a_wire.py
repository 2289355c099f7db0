"""Signed orders on a bench on a table: by DLMS, to an emulated meter that is a process of its own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from emulator.population.shipped import shipped_profiles
from emulator.scenario.model import RebaseSpec
from hil.bench_spec import BenchSpec
from hil.benches.checking import check_bench
from hil.benches.form import read_bench
from hil.benches.opening import open_bench
from hil.capabilities import BenchError, Orders
from hil.drivers.dlms_orders import DlmsOrders
from hil.record.model import StoryVerdict
from hil.stories.collecting import all_stories
from hil.stories.interlock import Interlock
from hil.stories.playing import play_story, why_not
from protocols.errors import InputError

EMULATOR = Path(sys.executable).parent / "relance-emulator"
DOES = '["mains", "clock", "buttons", "load", "time", "supply", "journal"]'


@contextmanager
def desk(at: Path, seed: int = 1) -> Iterator[BenchSpec]:
    """A bench with a meter that runs; `seed`: of the practice whose keys the bench has."""
    words = ["--profile", "wallonia-smart", "--load-w", "200", "--seed", "1", "--json"]
    faces = ["--console", f"pty:{at}/console", "--p1", f"pty:{at}/p1", "--dlms", "tcp:127.0.0.1:0"]
    with subprocess.Popen([EMULATOR, "meter", *words, *faces], stdout=subprocess.PIPE, text=True) as meter:
        try:
            assert meter.stdout is not None
            dlms = json.loads(meter.stdout.readline())["faces"]["dlms"].removeprefix("tcp:")
            yield bench_of_desk(at, f'[orders]\nport = "socket://{dlms}"\nseed = {seed}')
        finally:
            meter.terminate()


def bench_of_desk(at: Path, orders: str) -> BenchSpec:
    text = f"""
        [bench]
        name = "desk-1"
        [console]
        port = "{at}/console"
        does = {DOES}
        [p1]
        port = "{at}/p1"
        {orders}
    """
    return read_bench(text, "desk.toml", shipped_profiles(), ())


def test_a_cut_is_planned_by_dlms_and_keeps_its_hour_twice_on_one_meter(tmp_path: Path) -> None:
    """The meter is kept: the second plan comes to a meter that has been cut, and given back."""
    stories = {each.name: each for each in all_stories()}
    asked = ["date-a-day-ahead", "a-hold-that-comes-late-stops-a-planned-cut", "date-a-day-ahead"]
    with desk(tmp_path) as spec, open_bench(spec, b"", lambda _: True) as bench:
        interlock = Interlock(bench)
        records = [play_story(stories[name], bench, interlock) for name in asked]
        runnable = [each for each in stories.values() if not why_not(each, bench)]
    assert [(each.verdict, each.why) for each in records] == [(StoryVerdict.PASSED, "")] * 3
    (log,) = [each.text for each in records[0].attachments if each.name == "orders.log"]
    assert "< cut_order cut/plan" in log
    assert log.count(" accepted ") == 3
    # docs/benches.md says how many.
    assert (len(runnable), sum(Orders not in each.needs for each in runnable)) == (71, 20)


def test_a_meter_of_another_root_refuses_and_the_story_sees_it(tmp_path: Path) -> None:
    stories = {each.name: each for each in all_stories()}
    with desk(tmp_path, seed=2) as spec, open_bench(spec, b"", lambda _: True) as bench:
        record = play_story(stories["energy-costs-its-price"], bench, Interlock(bench))
    assert record.verdict is StoryVerdict.FAILED
    (log,) = [each.text for each in record.attachments if each.name == "orders.log"]
    assert "refused" in log


def test_a_check_of_the_bench_opens_the_gateway(tmp_path: Path) -> None:
    with desk(tmp_path) as spec:
        found = {each.device: each for each in check_bench(spec, date(2026, 11, 30))}
    assert (found["orders"].is_ready, found["orders"].text) == (True, "a token gateway answers")
    assert found["console"].is_ready


def test_what_takes_the_meters_own_word_does_not_come_by_dlms(tmp_path: Path) -> None:
    with desk(tmp_path) as spec, open_bench(spec, b"", lambda _: True) as bench:
        orders = bench.driver(Orders)
        assert isinstance(orders, DlmsOrders)
        with pytest.raises(BenchError, match="a document by DLMS expected; found: RebaseSpec"):
            orders.bring(RebaseSpec())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('port = ""', 'orders.port: ""'),
        ('port = "/dev/x"\nby = "card"', 'orders.by: "card"; allowed: dlms'),
        ('port = "/dev/x"\npassword = ""', 'orders.password: ""'),
        ('port = "/dev/x"\nseed = -1', "orders.seed: -1"),
    ],
)
def test_a_wrong_table_of_orders_is_a_line(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(InputError) as refused:
        bench_of_desk(tmp_path, f"[orders]\n{text}")
    assert problem in str(refused.value)


def test_orders_without_a_console_are_refused() -> None:
    text = '[bench]\nname = "d"\n[orders]\nport = "/dev/x"\n'
    with pytest.raises(InputError, match=r"orders: a table without \[console\]"):
        read_bench(text, "desk.toml", shipped_profiles(), ())
