"""The live display: the page, drawn anew with each look and with each change of the terminal's size."""

import time

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live

from ops.console import colour_off
from ops.watch.keys import Keys, keys
from ops.watch.page import page
from ops.watch.watching import Watching

_ENDS = "q ends"
_GLANCE_S = 0.25  # how soon a key or a new size is noticed


class Picture:
    """The page in whatever size the terminal has when it is drawn."""

    def __init__(self, watching: Watching) -> None:
        self._watching = watching

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw."""
        yield Group(*page(self._watching.view(_ENDS), options.max_width, options.size.height))


def show_live(watching: Watching) -> None:
    """Show until q is pressed. Raises KeyboardInterrupt on Ctrl-C; the terminal is as before in either case."""
    live = Live(Picture(watching), console=Console(no_color=colour_off()), screen=True, auto_refresh=False)
    with keys() as pressed:
        try:
            live.start()
            _until_q(watching, live, pressed)
        finally:  # not `with live`: an interruption while it starts would leave its screen
            live.stop()


def _until_q(watching: Watching, live: Live, pressed: Keys) -> None:
    due_s = time.monotonic() + watching.every_s
    while True:
        live.refresh()
        if "q" in pressed.pressed(max(0.0, min(_GLANCE_S, due_s - time.monotonic()))).lower():
            return
        if time.monotonic() >= due_s:
            watching.look()
            due_s = max(due_s + watching.every_s, time.monotonic())
