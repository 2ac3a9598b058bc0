"""How much of a core this process used since it was last asked, and how much it wanted."""

import resource
import time
from pathlib import Path

_SCHEDSTAT = Path("/proc/self/schedstat")  # of the main thread: ns on a core, ns waiting for one, turns


class Usage:
    """Two readings make a share."""

    def __init__(self) -> None:
        self._before = self._read()

    def shares(self) -> tuple[float, float]:
        """Return (used, used or waited for) as shares of one core since the last call."""
        before, self._before = self._before, self._read()
        took_s = self._before[0] - before[0]
        if took_s <= 0:
            return 0.0, 0.0
        used_s, waited_s = self._before[1] - before[1], self._before[2] - before[2]
        return used_s / took_s, min(1.0, (used_s + waited_s) / took_s)

    @staticmethod
    def memory_bytes() -> int:
        """Return the most memory this process has had."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    @staticmethod
    def _read() -> tuple[float, float, float]:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        try:
            waited_s = int(_SCHEDSTAT.read_text().split()[1]) / 1e9
        except (OSError, IndexError, ValueError):  # a kernel that does not tell
            waited_s = 0.0
        return time.monotonic(), usage.ru_utime + usage.ru_stime, waited_s
