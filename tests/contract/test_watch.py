"""`onsale watch` as a shell runs it, against a page of an exporter: on a terminal, off one, and once."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from ops.exposition import ExporterAway, read
from tests.watched import scrape

_DEADLINE_S = 30.0


class Exporter(ThreadingHTTPServer):
    """Serves the page of a sale that runs since the server does, or whatever page a test wants."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Pages)
        self.pages: dict[str, tuple[int, bytes]] = {}
        self.began_s = time.monotonic()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Pages(BaseHTTPRequestHandler):
    server: Exporter

    def do_GET(self) -> None:
        now = (200, scrape(time.monotonic() - self.server.began_s).encode())
        status, body = self.server.pages.get(self.path, now)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def serving(port: int = 0) -> Iterator[Exporter]:
    with Exporter(port) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def exporter() -> Iterator[Exporter]:
    with serving() as server:
        yield server


def environment(server: Exporter, tmp_path: Path, **more: str) -> dict[str, str]:
    chosen = {"ONSALE_METRICS_PORT": str(server.server_port), "ONSALE_HOME": str(tmp_path), "TERM": "xterm-256color"}
    return {**{name: value for name, value in os.environ.items() if name != "NO_COLOR"}, **chosen, **more}


def run(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ops.cli", "watch", *words]
    return subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_page_is_read_whatever_proxy_the_environment_names(
    exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert read(f"{exporter.url}/metrics").value("onsale_sale_version", sale="spring") == 1_320


@pytest.mark.parametrize(
    ("page", "says"),
    [((404, b"gone"), "answers 404"), ((200, b"<html>\n"), "no page of metrics"), ((200, b"\xff\xfe"), "no page of")],
)
def test_what_is_no_page_is_refused(exporter: Exporter, page: tuple[int, bytes], says: str) -> None:
    exporter.pages["/metrics"] = page
    with pytest.raises(ExporterAway, match=says):
        read(f"{exporter.url}/metrics")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/metrics", "ftp://127.0.0.1/metrics", "nonsense"])
def test_an_exporter_that_is_not_there_is_away(url: str) -> None:
    with pytest.raises(ExporterAway, match=r"127\.0\.0\.1|nonsense"):
        read(url, timeout_s=1.0)


def test_once_is_a_page_of_plain_text_off_a_terminal(exporter: Exporter, tmp_path: Path) -> None:
    done = run(environment(exporter, tmp_path), "spring", "--once", "--every", "0.2")
    assert (done.returncode, done.stderr) == (0, "")
    assert "1,204 waiting, 57 active" in done.stdout
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_json_is_one_document_with_rates(exporter: Exporter, tmp_path: Path) -> None:
    done = run(environment(exporter, tmp_path), "spring", "--json", "--every", "0.2")
    document = json.loads(done.stdout)
    assert (document["saleId"], document["waiting"], document["everySeconds"]) == ("spring", 1_204, 0.2)
    assert document["admittedPerSecond"] > 0
    assert document["problems"] == []


def test_a_sale_that_is_not_there_and_an_exporter_that_is_not_are_told(tmp_path: Path) -> None:
    with serving() as server:
        env = environment(server, tmp_path)
        unknown = run(env, "summer", "--json")
    assert unknown.returncode == 1
    assert json.loads(unknown.stdout)["error"]["code"] == "no-such-sale"
    assert "there are: hall, spring" in unknown.stderr
    gone = run(env, "spring", "--once")
    assert (gone.returncode, gone.stdout) == (1, "")
    assert "`onsale up` starts it, `onsale status` says what runs" in gone.stderr
    del env["ONSALE_METRICS_PORT"]
    assert "no exporter has been started in" in run(env, "spring").stderr


def test_off_a_terminal_there_is_a_line_for_each_look_until_somebody_has_enough(
    exporter: Exporter, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "ops.cli", "watch", "spring", "--every", "0.2"]
    with subprocess.Popen(
        command, env=environment(exporter, tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        lines = [child.stdout.readline() for _ in range(3)]
        assert lines[0].split()[:3] == ["time", "state", "waiting"]
        assert [line.split()[1] for line in lines[1:]] == ["OPEN", "OPEN"]
        child.send_signal(signal.SIGINT)
        assert child.wait(_DEADLINE_S) == 130
        assert child.stderr.read().strip() == "interrupted"


class Terminal:
    """A command on a terminal of its own: 80 columns, 24 lines."""

    def __init__(self, env: dict[str, str]) -> None:
        self.master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, 80))
        self.before = termios.tcgetattr(slave)
        command = [sys.executable, "-m", "ops.cli", "watch", "spring", "--every", "0.2"]
        self.child = subprocess.Popen(
            command, env=env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, close_fds=True
        )
        self.slave, self.shown = slave, ""

    def shows(self, text: str, *, afresh: bool = False) -> None:
        """Wait until a text has been drawn."""
        self.shown = "" if afresh else self.shown
        self._read_until(lambda: text in self.shown, f"{text!r} was not drawn")

    def ends(self) -> int:
        """Wait for the command's end and return its exit code."""
        self._read_until(lambda: self.child.poll() is not None, "the command has not ended")
        return self.child.returncode

    def _read_until(self, condition: Callable[[], bool], otherwise: str) -> None:
        deadline_s = time.monotonic() + _DEADLINE_S
        while not condition():
            assert time.monotonic() < deadline_s, f"{otherwise}:\n{self.shown[-2_000:]}"
            if select.select([self.master], [], [], 0.05)[0]:
                self.shown += os.read(self.master, 65_536).decode(errors="replace")

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)


@contextmanager
def terminal(env: dict[str, str]) -> Iterator[Terminal]:
    shown = Terminal(env)
    try:
        yield shown
    finally:
        shown.child.kill()
        shown.child.wait()
        os.close(shown.master)
        os.close(shown.slave)


def test_on_a_terminal_it_is_drawn_until_q_and_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    with serving() as server:
        env, port = environment(server, tmp_path), server.server_port
        closing = ExitStack()
        shown = closing.enter_context(terminal(env))
        shown.shows("1,204 waiting")
    with closing:
        shown.shows("no answer for", afresh=True)
        with serving(port):
            shown.shows("1,204 waiting", afresh=True)
            shown.type(b"xq")
            assert shown.ends() == 0
        assert "\x1b[?1049l" in shown.shown  # back from the screen of its own
        assert termios.tcgetattr(shown.slave) == shown.before
        assert re.search(r"\x1b\[[0-9;]*3[0-9]m", shown.shown)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_display_leaves_the_terminal_as_it_was(
    exporter: Exporter, tmp_path: Path, ending: signal.Signals
) -> None:
    with terminal(environment(exporter, tmp_path, NO_COLOR="1")) as shown:
        shown.shows("1,204 waiting")
        shown.child.send_signal(ending)
        assert shown.ends() == 130
        assert termios.tcgetattr(shown.slave) == shown.before
        assert "\x1b[?25h" in shown.shown  # the cursor is there again
        assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", shown.shown)
