"""What a route promises, declared beside its handler: the answers it gives and the codes it refuses with.

A request never looks at it. `ops.openapi` makes the OpenAPI document of it; what a route takes is not declared here,
because the document is made by asking the handler itself.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

H = TypeVar("H", bound=Callable[..., Any])


class Answer(NamedTuple):
    """An answer that is no error. `body` names a schema of the document, "" where there is no body."""

    status: int
    meaning: str
    body: str = ""
    content_type: str = "application/json"


class Contract(NamedTuple):
    """A route's promises. What every route or every route of a sale may answer besides goes without saying."""

    answers: tuple[Answer, ...]
    refusals: tuple[str, ...]  # codes of `responses.PROBLEMS`
    is_public: bool  # the same for everybody: caches may keep it, and 304 is told to who has it
    takes_nothing: bool  # no parameter


CONTRACTS: dict[Callable[..., Any], Contract] = {}  # by handler


def promises(
    *answers: Answer, refuses: tuple[str, ...] = (), is_public: bool = False, takes_nothing: bool = False
) -> Callable[[H], H]:
    """Declare what a handler answers; stands under the decorator that registers its route."""

    def declare(handler: H) -> H:
        CONTRACTS[handler] = Contract(answers, refuses, is_public, takes_nothing)
        return handler

    return declare
