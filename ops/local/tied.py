"""Run a command that dies with the process that started it: `python -I -S tied.py PARENT_PID COMMAND…`.

The kernel is asked (PR_SET_PDEATHSIG) to kill this process when the parent THREAD that forked it ends, so
whoever starts it must do so from a thread that lives as long as its process. The request survives the exec. It
is a program of its own because code between fork and exec is not safe in a process with threads. Where the
system has no such call (not Linux) the command runs untied.
"""

import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def _die_with(parent_pid: int) -> None:
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:  # it died before we asked
        sys.exit(1)


if __name__ == "__main__":
    if sys.platform == "linux":
        _die_with(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - no shell, on purpose
