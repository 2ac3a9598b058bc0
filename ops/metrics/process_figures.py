"""What the processes of a stack take of this machine, each with its children. The process table is read once."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

import psutil
from prometheus_client.core import Metric

from ops.local import modes, records
from ops.local.addresses import SERVERS, URL_OF
from ops.local.home import Home
from ops.metrics.catalogue import Figures

Children = dict[int, list[psutil.Process]]


def process_figures(home: Home) -> Iterable[Metric]:
    """Return the figures of all processes that run here, or should."""
    figures = Figures()
    state, known = home.read_state(), records.read(home)
    children = _children()
    for name in state.names:
        given = name in SERVERS and URL_OF[name] not in state.own
        process = records.process_of(home, known[name]) if name in known else None
        if process is None and (name == modes.STEP or name in state.containers or given):
            continue  # somebody else's, or no process of its own
        figures.add("onsale_process_up", process is not None, name)
        if process is not None:
            _add(figures, name, process, children)
    return figures.families()


def _add(figures: Figures, name: str, root: psutil.Process, children: Children) -> None:
    cpu_s, memory, files, most_files = 0.0, 0, 0, 0
    for process in _tree(root, children):
        try:
            times = process.cpu_times()
            # With those of its ended children that it has taken note of, or the sum would fall when one ends.
            cpu_s += times.user + times.system + times.children_user + times.children_system
            memory += process.memory_info().rss
            files += process.num_fds()
            most_files += process.rlimit(psutil.RLIMIT_NOFILE)[0]
        except psutil.Error:  # it ends just now, or is somebody else's
            continue
    figures.add("onsale_process_cpu_seconds_total", cpu_s, name)
    figures.add("onsale_process_resident_memory_bytes", memory, name)
    figures.add("onsale_process_open_fds", files, name)
    figures.add("onsale_process_open_fds_limit", most_files, name)


def _children() -> Children:
    found: Children = defaultdict(list)
    for process in psutil.process_iter():
        try:
            found[process.ppid()].append(process)
        except psutil.Error:
            continue
    return found


def _tree(root: psutil.Process, children: Children) -> Iterator[psutil.Process]:
    yield root
    for child in children.get(root.pid, ()):
        yield from _tree(child, children)
