"""Run pytest as `make test` does, then the few tests that failed beside others once more, alone.

Four tests at once on two cores now and then make one late that is well; one that is wrong fails alone too. Whatever
else ends a run stands: more failures, files that cannot be collected, an error of pytest's own, an interruption.
"""

import os
import subprocess
import sys
from collections.abc import Sequence

import pytest

AT_MOST = 5  # more than these do not fail because the machine is busy


class Failures:
    """What failed in a run, of which it is told by pytest; workers' tests included."""

    def __init__(self) -> None:
        self._tests: dict[str, None] = {}  # in order, each once: a test may fail in its teardown too
        self._beside_others = False
        self._cut_short = False

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._cut_short = self._cut_short or report.failed

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._tests[report.nodeid] = None

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._beside_others = bool(session.config.getoption("numprocesses", None))
        self._cut_short = self._cut_short or bool(session.shouldfail or session.shouldstop)

    def to_repeat(self, status: int) -> list[str]:
        """Return the tests that another run, alone, may find well; none where nothing but the first run counts."""
        only_tests = status == pytest.ExitCode.TESTS_FAILED and not self._cut_short
        return list(self._tests) if only_tests and self._beside_others and len(self._tests) <= AT_MOST else []


def main(words: Sequence[str]) -> int:
    """Return the exit status: the first run's, or that of the second where there is one."""
    env = dict(os.environ)  # tests change it, and those of the second run are to find it as the first did
    failures = Failures()
    status = int(pytest.main(list(words), plugins=[failures]))
    tests = failures.to_repeat(status)
    if not tests:
        return status
    _tell("FAILED BESIDE OTHERS, and run once more, each alone:", tests)
    # Nothing of `words` goes with them: paths would add tests, a report would be overwritten.
    status = subprocess.run([sys.executable, "-m", "pytest", "-n", "0", *tests], env=env, check=False).returncode
    if status:
        _tell("RED: failed beside others, and not all of them passed alone:", tests)
    else:
        _tell("GREEN, BUT: failed beside others and passed alone:", tests)
    return status


def _tell(what: str, tests: Sequence[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in ("", what, *(f"  {test}" for test in tests), "")))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
