"""What a route takes, found out by asking its handler: it is called with parameters that note each question.

So the document cannot tell another story than the code. Every handler of a sale asks for all it wants and then calls
`check()`, which ends the call here, before anything is done.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalicelib.api.parameters import Parameters
from chalicelib.api.shapes import SEAT_ID, USER_ID, Shape


@dataclass(frozen=True, slots=True)
class Asked:
    """One parameter: a text of a shape, a whole number between two bounds, or a list of texts."""

    name: str
    shape: Shape | None
    required: bool = False
    integers: bool = False  # a JSON integer is taken as its decimal text
    is_list: bool = False
    bounds: tuple[int, int] = (0, 0)
    body_only: bool = False  # refused in the query


@dataclass(frozen=True, slots=True)
class Questions:
    """All that a handler asks for. Of `one_of` at least one must be given."""

    parameters: tuple[Asked, ...]
    one_of: tuple[str, ...]
    names_caller: bool


class _AllAskedError(Exception):
    """The handler has asked for everything."""


class _Recorder(Parameters):
    """Parameters that note what they are asked for; everything is absent."""

    def __init__(self) -> None:
        self.sale_id = ""
        self.asked: dict[str, Asked] = {}
        self.alternatives: tuple[str, ...] = ()
        self.names_caller = False

    def user_id(self) -> str:
        self.names_caller = True
        self.asked["userId"] = Asked("userId", USER_ID, required=True, integers=True)
        return ""

    def text(
        self, name: str, shape: Shape, *, required: bool = False, integers: bool = False, body_only: bool = False
    ) -> str:
        self.asked[name] = Asked(name, shape, required, integers, body_only=body_only)
        return ""

    def one_of(self, *names: str) -> None:
        self.alternatives = names

    def whole(self, name: str, minimum: int, maximum: int) -> int | None:
        self.asked[name] = Asked(name, None, integers=True, bounds=(minimum, maximum))
        return None

    def _seat_ids(self) -> tuple[str, ...]:
        self.asked["seatIds"] = Asked("seatIds", SEAT_ID, integers=True, is_list=True)
        return ()

    def check(self) -> None:
        raise _AllAskedError


def ask(handler: Callable[[Parameters], Any]) -> Questions:
    """Return what a handler asks for. Raises ValueError for one that never calls `check()`."""
    recorder = _Recorder()
    try:
        handler(recorder)
    except _AllAskedError:
        return Questions(tuple(recorder.asked.values()), recorder.alternatives, recorder.names_caller)
    raise ValueError(f"{handler.__name__} does not check its parameters before it acts")
