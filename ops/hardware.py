"""This machine as a reader of figures wants it: processor, system, and the Kafka it has. Nothing to find it by."""

import platform
import re
from contextlib import suppress
from pathlib import Path

from ops.local import kafka

_CPU_INFO = Path("/proc/cpuinfo")


def model(cpu_info: Path = _CPU_INFO) -> str:
    """Return the processor's name as the kernel tells it; not every architecture does."""
    with suppress(OSError):
        found = re.search(r"^(?:model name|Model|cpu model)\s*:\s*(.+)$", cpu_info.read_text(), re.MULTILINE)
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()


def system() -> str:
    """Return the distribution, or the kernel's name where nobody tells it."""
    with suppress(OSError, KeyError):
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    return platform.system()


def kafka_version() -> str:
    """Return the version of our own jars, "" without them: a broker does not tell its own to clients."""
    names = sorted(path.stem for path in kafka.JARS.glob("kafka_*.jar"))
    return names[0].rpartition("-")[2] if names else ""
