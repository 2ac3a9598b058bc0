"""A function in a process of its own, which is killed and replaced when its time is over, even inside C code."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from ops.local.event_source.function_spec import FunctionSpec
from ops.local.event_source.handler_process import ANSWER, ERROR, LENGTH
from ops.local.event_source.invocation import FunctionFailed, NotInvoked

_PROGRAM = str(Path(__file__).with_name("handler_process.py"))
_INIT_S = 10.0  # Lambda's time for importing; then it starts over within the function's time-out
_LEAVE_S = 2.0
_LOOK_UP_S = 0.2  # how often it is asked whether it lives: somebody else may hold its end of the channel
_CHUNK = 1 << 20


class ChildFunction:
    """Runs a handler in a child process. It belongs to the thread that uses it, and the child dies with that thread."""

    def __init__(self, spec: FunctionSpec) -> None:
        self._spec = spec
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._ready = False
        self.request_id = ""

    def start(self) -> None:
        """Import the handler now. Raises FunctionFailed when that cannot be done, and NotInvoked."""
        self._connected()

    def invoke(self, event: bytes) -> Any:
        """Run the handler and return its answer. Raises FunctionFailed and NotInvoked."""
        channel = self._connected()
        self.request_id = str(uuid.uuid4())
        ends_at_s = time.monotonic() + self._spec.timeout_s
        body = self.request_id.encode() + event
        try:
            channel.settimeout(self._spec.timeout_s)
            channel.sendall(LENGTH.pack(len(body)) + body)
            kind, answer = self._receive(channel, ends_at_s)
        except TimeoutError as error:
            self._replace()
            raise FunctionFailed("Sandbox.Timedout", f"timed out after {self._spec.timeout_s:g} s") from error
        except OSError as error:
            raise self._ended() from error
        if kind == ERROR:
            raise FunctionFailed(*json.loads(answer))
        return json.loads(answer) if kind == ANSWER else None

    def close(self) -> None:
        """Have the child leave; kill it when it does not."""
        process = self._process
        if process is None:
            return
        self._hang_up()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_LEAVE_S)
        self._kill()

    @property
    def pid(self) -> int:
        """The process the handler runs in, 0 while there is none."""
        return self._process.pid if self._process else 0

    def _connected(self) -> socket.socket:
        """Return the channel to a child that has imported its handler."""
        if self._process is not None and self._process.poll() is not None:
            self._kill()
        channel = self._channel or self._spawn()
        if self._ready:
            return channel
        limit_s = _INIT_S + self._spec.timeout_s
        try:
            kind, body = self._receive(channel, time.monotonic() + limit_s)
        except TimeoutError as error:
            self._kill()
            raise FunctionFailed("Sandbox.Timedout", f"importing took longer than {limit_s:g} s") from error
        except OSError as error:
            raise self._ended() from error
        if kind == ERROR:
            self._kill()
            raise FunctionFailed(*json.loads(body))
        self._ready = True
        return channel

    def _spawn(self) -> socket.socket:
        spec = self._spec
        ours, theirs = socket.socketpair()
        words = (theirs.fileno(), os.getpid(), spec.code_folder, spec.handler, spec.logical_id, spec.memory_mb)
        command = [sys.executable, "-u", _PROGRAM, *map(str, words), str(spec.timeout_s)]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                cwd=spec.code_folder,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # so that what the handler starts can be killed with it
            )
        except OSError as error:
            ours.close()
            raise NotInvoked(f"cannot start a process for {spec.logical_id}: {error}") from error
        finally:
            theirs.close()
        self._channel = ours
        return ours

    def _receive(self, channel: socket.socket, ends_at_s: float) -> tuple[bytes, bytes]:
        """Return kind and body of the next frame. Raises TimeoutError, and OSError when there will be none."""
        (length,) = LENGTH.unpack(self._read(channel, LENGTH.size, ends_at_s))
        body = self._read(channel, length, ends_at_s)
        return body[:1], body[1:]

    def _read(self, channel: socket.socket, length: int, ends_at_s: float) -> bytes:
        body = bytearray()
        while len(body) < length:
            left_s = ends_at_s - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            if not select.select([channel], [], [], min(left_s, _LOOK_UP_S))[0]:
                if self._process is not None and self._process.poll() is not None:
                    raise ConnectionResetError
                continue
            part = channel.recv(min(length - len(body), _CHUNK))
            if not part:
                raise ConnectionResetError
            body += part
        return bytes(body)

    def _ended(self) -> FunctionFailed:
        """Return what to say of a child that left its channel."""
        status = None
        with suppress(subprocess.TimeoutExpired):
            status = self._process.wait(_LEAVE_S) if self._process else None
        self._kill()
        if status is None:
            return FunctionFailed("Runtime.ExitError", "closed its channel")
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        return FunctionFailed("Runtime.ExitError", f"ended with {how}")

    def _replace(self) -> None:
        """Kill the child, and have the next one import while the batch waits to be delivered again."""
        self._kill()
        with suppress(NotInvoked):
            self._spawn()

    def _kill(self) -> None:
        """End the child and what it started; it may have ended by itself."""
        self._hang_up()
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _hang_up(self) -> None:
        self._ready = False
        if self._channel is not None:
            self._channel.close()
            self._channel = None
