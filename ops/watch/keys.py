"""Single keys from a terminal while something else is drawn on it."""

import os
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

_MOST_KEYS = 64


class Keys:
    """Reads keys as they are pressed. Without a terminal to read from it only lets time pass."""

    def __init__(self, *, reads: bool) -> None:
        self._reads = reads

    def pressed(self, within_s: float) -> str:
        """Return the keys that have come, or an empty text when none came in time."""
        if not self._reads:
            time.sleep(within_s)
            return ""
        if not select.select([sys.stdin], [], [], within_s)[0]:
            return ""
        found = os.read(sys.stdin.fileno(), _MOST_KEYS)  # not sys.stdin: what it keeps back, `select` does not see
        if not found:  # the terminal is gone
            self._reads = False
        return found.decode(errors="replace")


@contextmanager
def keys() -> Iterator[Keys]:
    """Let keys come one by one and unseen; the terminal is as it was afterwards, however the block ends."""
    if not sys.stdin.isatty():
        yield Keys(reads=False)
        return
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield Keys(reads=True)
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
