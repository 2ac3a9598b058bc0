"""A broker that names no brokers, as one that is being stopped may: whoever asks it forgets all it knew."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

from ops.local.ports import HOST

_METADATA = 3
_KNOWN_SINCE, _WITH_ERROR_SINCE = 11, 13  # versions of the answer
_NO_BROKERS = struct.pack(">BiBBi", 0, 0, 1, 0, -1)  # tags, throttle, brokers, cluster, controller
_NO_LEADER = 5


class ForgetfulBroker:
    """Stands before a real broker and passes everything on, but for metadata while `forgets` is true."""

    def __init__(self, real: str, topic: str, listening: socket.socket) -> None:
        host, _, port = real.rpartition(":")
        self._real = (host, int(port))
        self._listening = listening
        self.address = "{}:{}".format(*listening.getsockname())
        self._theirs, self._ours = (
            HOST.encode() + struct.pack(">i", port) for port in (self._real[1], listening.getsockname()[1])
        )
        # one of them, its error and name; no id, not internal, no partitions, nothing authorized, no tags
        self._topics = struct.pack(">BhB", 2, _NO_LEADER, len(topic) + 1) + topic.encode()
        self._topics += struct.pack(">16xBBiB", 0, 1, -(2**31), 0)
        self.forgets = False

    def serve(self) -> None:
        """Serve until the listening socket is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._real) as real, suppress(OSError, EOFError):
            while True:
                request = _read(client)
                key, version, correlation = struct.unpack(">hhi", request[:8])
                if key == _METADATA and self.forgets:
                    assert version >= _KNOWN_SINCE
                    end = bytes(3 if version >= _WITH_ERROR_SINCE else 1)
                    _write(client, struct.pack(">i", correlation) + _NO_BROKERS + self._topics + end)
                else:
                    _write(real, request)
                    _write(client, _read(real).replace(self._theirs, self._ours))


@contextmanager
def forgetful_broker(real: str, topic: str) -> Iterator[ForgetfulBroker]:
    """Run one on loopback."""
    with socket.create_server((HOST, 0)) as listening:
        broker = ForgetfulBroker(real, topic, listening)
        serving = Thread(target=broker.serve, daemon=True)
        serving.start()
        yield broker
        listening.shutdown(socket.SHUT_RDWR)
        serving.join()


def _read(peer: socket.socket) -> bytes:
    return _exactly(peer, *struct.unpack(">i", _exactly(peer, 4)))


def _write(peer: socket.socket, frame: bytes) -> None:
    peer.sendall(struct.pack(">i", len(frame)) + frame)


def _exactly(peer: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        found += (more := peer.recv(size - len(found)))
        if not more:
            raise EOFError
    return found
