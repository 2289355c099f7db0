"""Stories as tests of pytest: `pytest hil`, and underneath `relance-hil run`.

pytest finds, orders, selects and ends; a story's verdict is made by `playing`, whoever asks for it. One that
is not run is skipped with its reason, never green.
"""

import io
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest

from hil.capabilities import BenchError
from hil.drivers.virtual.bench import VirtualDut, virtual_bench
from hil.record.model import StoryVerdict
from hil.stories.collecting import SUITE, stories_of, suite_modules
from hil.stories.running import StoryRun
from hil.stories.story import BenchStory

_RUN: Final = pytest.StashKey[StoryRun]()
_NAMES: Final = pytest.StashKey[Collection[str]]()
_SUITE_FOLDER: Final = Path(__file__).parent.parent / "suite"
_AUTOLOAD: Final = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"
_HEARD_BY_PYTEST: Final = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")
# Interrupted: the bench is safe.
_ENDINGS: Final = (
    pytest.ExitCode.OK,
    pytest.ExitCode.TESTS_FAILED,
    pytest.ExitCode.INTERRUPTED,
    pytest.ExitCode.NO_TESTS_COLLECTED,
)


def tell_by_pytest(run: StoryRun, names: Collection[str]) -> None:
    """Have pytest play these stories in this run. Raises BenchError where pytest itself could not.

    No configuration of whatever folder this is called in, no option and no plugin of its environment, has a
    say in it.
    """
    folder = _SUITE_FOLDER.parent
    words = [
        str(_SUITE_FOLDER), "-c", os.devnull, f"--rootdir={folder}", f"--confcutdir={folder}", "-q", "-s",
        "--import-mode=importlib", "-p", "no:cacheprovider",
    ]  # fmt: skip
    said = io.StringIO()
    with redirect_stdout(said), _environment_without_a_say():
        code = pytest.main(words, plugins=[_ChosenRun(run, names)])
    if code is pytest.ExitCode.INTERRUPTED:
        # Also between two stories, where no story's record says so.
        run.is_interrupted = True
    if code not in _ENDINGS:
        raise BenchError(f"pytest: a run to its end expected; found: {code!r}\n{said.getvalue()}")


@contextmanager
def _environment_without_a_say() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in (_AUTOLOAD, *_HEARD_BY_PYTEST)}
    os.environ[_AUTOLOAD] = "1"
    for name in _HEARD_BY_PYTEST:
        os.environ.pop(name, None)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


class _ChosenRun:
    """A plugin that has pytest play these stories in this run, in place of all on a virtual bench."""

    def __init__(self, run: StoryRun, names: Collection[str]) -> None:
        self._run = run
        self._names = names

    def pytest_configure(self, config: pytest.Config) -> None:
        """As pytest calls it."""
        config.stash[_RUN] = self._run
        config.stash[_NAMES] = self._names


class StoryNotAsked(AssertionError):  # noqa: N818 # what pytest shows is its text
    """A story whose verdict is no pass."""


class StoryItem(pytest.Item):
    """A story, as a test."""

    def __init__(self, *, story: BenchStory, **rest: Any) -> None:  # noqa: ANN401 # as pytest's own
        super().__init__(**rest)
        self._story = story

    def runtest(self) -> None:
        """Play it."""
        record = _run_of(self.config).play(self._story)
        if record.verdict is StoryVerdict.NOT_RUN:
            pytest.skip(record.why)
        if record.verdict not in (StoryVerdict.PASSED, StoryVerdict.MARGINAL):
            raise StoryNotAsked(f"{record.verdict}: {record.why}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:  # noqa: ANN401 # as pytest's own
        """The sentence alone: where in the runner it was raised says nothing of the meter."""
        if isinstance(excinfo.value, StoryNotAsked):
            return f"{self._story.title}\n{excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """As pytest asks."""
        return self.path, None, self._story.name


class StoryFile(pytest.File):
    """A module of the suite."""

    def collect(self) -> Iterable[StoryItem]:
        """Its stories."""
        for each in stories_of(import_module(f"{SUITE}.{self.path.stem}")):
            yield StoryItem.from_parent(self, name=each.name, story=each)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--hil-firmware`, for `pytest hil`."""
    parser.addoption(
        "--hil-firmware",
        choices=("guarded", "legacy-2020"),
        default="guarded",
        help="the firmware of the virtual bench's meter (default: guarded)",
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> StoryFile | None:
    """The modules of the suite, whatever their names."""
    if file_path.parent != _SUITE_FOLDER or f"{SUITE}.{file_path.stem}" not in suite_modules():
        return None
    return StoryFile.from_parent(parent, path=file_path)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what was not chosen."""
    names = config.stash.get(_NAMES, None)
    if names is not None:
        items[:] = [item for item in items if item.name in names]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Forget the run."""
    if _RUN in config.stash:
        del config.stash[_RUN]


def _run_of(config: pytest.Config) -> StoryRun:
    if _RUN not in config.stash:
        config.stash[_RUN] = StoryRun(virtual_bench(VirtualDut(config.getoption("--hil-firmware"))))
    return config.stash[_RUN]
