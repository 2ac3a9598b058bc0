"""The process in which a handler runs: `handler_process.py CHANNEL_FD PARENT_PID FOLDER HANDLER NAME MB TIMEOUT_S`.

A program of its own that imports the standard library only: the function finds here what it would find in Lambda, its
own folder first in sys.path and as the working folder. It speaks with `child_function.py` in frames, each a length and
a body; it never outlives its parent.
"""

import ctypes
import importlib
import json
import logging
import os
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

LENGTH = struct.Struct("!Q")
READY, ANSWER, ERROR = b"R", b"A", b"E"
REQUEST_ID_BYTES = 36
_PR_SET_PDEATHSIG = 1
_LONGEST_ANSWER = 6_291_556


class Context:
    """What Lambda hands to a handler beside the event. Source: Lambda Developer Guide, "context object in Python"."""

    def __init__(self, name: str, memory_mb: str, timeout_s: float, request_id: str) -> None:
        self.function_name = name
        self.function_version = "$LATEST"
        self.invoked_function_arn = f"arn:aws:lambda:local:000000000000:function:{name}"
        self.memory_limit_in_mb = memory_mb
        self.aws_request_id = request_id
        self.log_group_name = f"/aws/lambda/{name}"
        self.log_stream_name = "local"
        self.identity = None
        self.client_context = None
        self._ends_at_s = time.monotonic() + timeout_s

    def get_remaining_time_in_millis(self) -> int:
        """Return the ms until the function is ended."""
        return max(0, int((self._ends_at_s - time.monotonic()) * 1000))


def main(words: list[str]) -> int:
    """Import the handler, then answer one event after the other until the channel is closed."""
    fd, parent_pid, folder, handler_name, name, memory_mb, timeout_s = words
    _die_with(int(parent_pid))
    os.set_inheritable(int(fd), False)
    channel = socket.socket(fileno=int(fd))
    sys.path[0] = folder
    sys.argv = [handler_name]
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    _let_somebody_listen()
    try:
        handler = _load(handler_name)
    except Exception as error:  # noqa: BLE001  # whatever a module raises while it is imported
        _send(channel, ERROR, _described(error, "Runtime.ImportModuleError"))
        return 1
    _send(channel, READY, b"")
    while (frame := _receive(channel)) is not None:
        request_id, event = frame[:REQUEST_ID_BYTES].decode(), frame[REQUEST_ID_BYTES:]
        _send(channel, *_run(handler, event, Context(name, memory_mb, float(timeout_s), request_id)))
    return 0


def _let_somebody_listen() -> None:
    """Call what ONSALE_LISTENER names (module:function): it may listen to what the function tells of itself."""
    module, _, name = os.environ.get("ONSALE_LISTENER", "").partition(":")
    if not module:
        return
    try:
        getattr(importlib.import_module(module), name)()
    except Exception:  # whatever it is, the function does without
        logging.exception("%s cannot listen", module)


def _load(handler: str) -> Callable[[Any, Context], Any]:
    module, _, name = handler.replace("/", ".").rpartition(".")
    found: Callable[[Any, Context], Any] = getattr(importlib.import_module(module), name)
    return found


def _run(handler: Callable[[Any, Context], Any], event: bytes, context: Context) -> tuple[bytes, bytes]:
    """Call the handler. What is no Exception, such as SystemExit, ends the process, as it does in Lambda."""
    try:
        answer = handler(json.loads(event), context)
    except Exception as error:  # noqa: BLE001  # whatever it raises is a failed invocation
        own = error.__traceback__.tb_next if error.__traceback__ else None  # without the frame of this file
        traceback.print_exception(type(error), error, own)
        return ERROR, _described(error, type(error).__name__)
    try:
        body = json.dumps(answer).encode()
    except Exception as error:  # noqa: BLE001  # not JSON, or an object whose parts raise
        return ERROR, _described(error, "Runtime.MarshalError")
    if len(body) > _LONGEST_ANSWER:
        return ERROR, _described(ValueError(f"the answer has {len(body)} bytes"), "Function.ResponseSizeTooLarge")
    return ANSWER, body


def _described(error: Exception, kind: str) -> bytes:
    return json.dumps([kind, repr(error)[:2000]]).encode()


def _send(channel: socket.socket, kind: bytes, body: bytes) -> None:
    channel.sendall(LENGTH.pack(len(body) + 1) + kind + body)


def _receive(channel: socket.socket) -> bytes | None:
    """Return the next body, None when the other side is gone."""
    head = channel.recv(LENGTH.size, socket.MSG_WAITALL)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    body = bytearray(length)
    view, got = memoryview(body), 0
    while got < length:
        count = channel.recv_into(view[got:])
        if not count:
            return None
        got += count
    return bytes(body)


def _die_with(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent ends, however that ends and whatever the handler does."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent_pid:  # it died before we asked
            os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
