"""TCP ports on the loopback interface: which are free, and which to take."""

import random
import socket
import time
from itertools import islice

HOST = "127.0.0.1"

# Below the ports that the system gives to outgoing connections (32768 and up on Linux): a server that is started
# again must not find its port in use by somebody's client.
_FIRST, _LAST = 20_000, 32_000


def is_free(port: int) -> bool:
    """Say whether a server could listen on the port now, and would get its clients."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen()
        except OSError:
            return False
    return True


def becomes_free(port: int, patience_s: float) -> bool:
    """Say whether a server could listen on the port now, or within a time."""
    give_up_at = time.monotonic() + patience_s
    while not (free := is_free(port)) and time.monotonic() < give_up_at:
        time.sleep(0.02)
    return free


def free_ports(count: int) -> list[int]:
    """Return different free ports, chosen by chance so that two stacks that start at once do not meet."""
    candidates = random.sample(range(_FIRST, _LAST), 1_000)
    chosen = list(islice(filter(is_free, candidates), count))
    if len(chosen) < count:
        raise OSError(f"no {count} free ports between {_FIRST} and {_LAST}")
    return chosen
