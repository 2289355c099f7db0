"""What holds for every test: Ctrl-C, hypothesis profiles, and no skipped test in CI."""

import os
import signal
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, Phase, settings

IN_CI = bool(os.environ.get("CI"))

# A shell starts what it runs in the background (`make test &` in a script) with SIGINT ignored, and a program
# inherits that from whoever starts it: ours would never end at the Ctrl-C that a test sends them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# In CI the examples are always the same, so that a red run can be repeated; at home they are new
# each time. RELANCE_HYPOTHESIS=more is for a long evening.
settings.register_profile("default", deadline=None, max_examples=60, derandomize=IN_CI, print_blob=True)
settings.register_profile(
    "more", deadline=None, max_examples=2_000, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
# For mutants: that an example fails is all that matters, not which is the smallest.
settings.register_profile(
    "unshrunk", deadline=None, max_examples=60, derandomize=True, phases=[Phase.explicit, Phase.generate]
)
settings.load_profile(os.environ.get("RELANCE_HYPOTHESIS", "default"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--pcsc`: whether tests with a real pcscd are run, and whether it may be missing."""
    parser.addoption(
        "--pcsc",
        choices=("off", "auto", "require"),
        default="require" if IN_CI else "auto",
        help="tests with a real pcscd: off; auto: where it is installed; require: it must be (in CI)",
    )


def _skip_is_failure(report: pytest.TestReport | pytest.CollectReport) -> None:
    """In CI a skipped test has failed: what was not run is not known to work. An expected failure stays."""
    if IN_CI and report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which counts as failed in CI: {report.longrepr}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _skip_is_failure(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _skip_is_failure(report)
    return report
