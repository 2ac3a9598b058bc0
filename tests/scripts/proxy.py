"""A proxy in front of Redis that loses or holds back replies when told to."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class Proxy:
    """Passes bytes on both ways. After `spare` more replies, `lose` many are lost; `silently` without closing.

    While `flowing` is clear, replies are held back. `connections` counts those that were made.
    """

    def __init__(self, redis_url: str) -> None:
        self._redis_path = urlsplit(redis_url).path
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"
        self.spare = 0
        self.lose = 0
        self.silently = False
        self.flowing = threading.Event()
        self.flowing.set()
        self.connections = 0
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Refuse every further connection."""
        if self._listener.fileno() >= 0:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()

    def cut(self) -> None:
        """Break every connection that there is now, and none that is made because of it."""
        broken, self._sockets = self._sockets, []
        for client in broken:
            with suppress(OSError):  # closed already
                client.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(client)
            self.connections += 1  # whoever has seen it counted may cut it
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._redis_path)
            threading.Thread(target=self._pass, args=(client, server), daemon=True).start()
            threading.Thread(target=self._answer, args=(server, client), daemon=True).start()

    def _pass(self, client: socket.socket, server: socket.socket) -> None:
        with client, suppress(OSError):
            try:
                while data := client.recv(65_536):
                    server.sendall(data)
            finally:
                server.shutdown(socket.SHUT_WR)  # whoever has gone may have asked for what is not answered yet

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with server, suppress(OSError):
            while data := server.recv(65_536):
                self.flowing.wait()
                if self.lose and not self.spare:
                    self.lose -= 1
                    if not self.silently:
                        client.shutdown(socket.SHUT_RDWR)
                        return
                else:
                    self.spare -= 1 if self.spare else 0
                    client.sendall(data)


@contextmanager
def proxy_to(redis_url: str) -> Iterator[Proxy]:
    """Run a proxy to a Redis on a unix socket."""
    proxy = Proxy(redis_url)
    try:
        yield proxy
    finally:
        proxy.flowing.set()
        proxy.close()
