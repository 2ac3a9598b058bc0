"""How a command reaches the operator's function: in this process, or deployed, by one call of the function itself.

Which of the two says `--target`; `local` unless told otherwise. What is deployed is reached by `ops.targets`, which is
imported only then: boto3 takes longer to import than most commands take.
"""

import getpass
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from chalicelib.errors import BadSetting, FieldError, InvalidRequest, OnsaleError
from ops import environment
from ops.console import ask

if TYPE_CHECKING:
    from ops.targets import Remote

LOCAL = "local"
_REMOTE = re.compile(
    r"stack:[A-Za-z][A-Za-z0-9-]{0,127}"
    r"|arn:[a-z-]+:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9_$-]{1,128})?"
)
_CHOSEN = f"{__name__}.target"  # in click's `meta`, which belongs to one command line


def choose(target: str) -> None:
    """Let the command line that runs now act on a target. Raises ValueError for a text that names none."""
    if target == LOCAL:
        return
    if not _REMOTE.fullmatch(target):
        raise ValueError(f"must be local, stack:NAME or the ARN of a function, not {target!r}")
    environment.forget_home()
    from ops.targets import Remote

    click.get_current_context().meta[_CHOSEN] = Remote(target)


def operate(action: str, **arguments: object) -> Any:
    """Run an action and return its result. Raises InvalidRequest with the options' names, or OnsaleError."""
    sent = {name: value for name, value in arguments.items() if value is not None}
    remote = _remote()
    if remote is not None:
        answer = remote.operate(action, sent, _user())
    else:
        from functions.operate import handler

        answer = handler({"action": action, "arguments": sent, "actor": _user()}, None)
    if "error" not in answer:
        return answer["result"]
    error = answer["error"]
    if error["code"] == "bad-setting" and remote is None:
        raise BadSetting([FieldError(each["field"], each["detail"]) for each in error["errors"]])
    if "errors" in error and error["code"] != "bad-setting":
        raise InvalidRequest([FieldError(option(each["field"]), each["detail"]) for each in error["errors"]])
    raise OnsaleError(error["code"], error["detail"])


def pages(action: str, member: str, **arguments: object) -> Iterator[dict[str, Any]]:
    """Run an action that lists, page by page, and yield what its answers have under `member`."""
    after: object = None
    while True:
        page = operate(action, **arguments, after=after)
        yield from page[member]
        after = page.get("next")  # a stage may be older than this command
        if after is None:
            return


def confirm(question: str, *, yes: bool, always: bool = True) -> None:
    """Ask before a change: what is dangerous `always`, anything where it is not this machine's data that changes."""
    remote = _remote()
    if remote is not None and not yes:
        ask(f"{question} It acts on {remote.place}.", yes=False)
    elif remote is None and always:
        ask(question, yes=yes)


def option(field: str) -> str:
    """Return the option that carries an argument: `holdSeconds` is `--hold-seconds`."""
    dashed = "".join(f"-{each.lower()}" if each.isupper() else each for each in field)
    arguments = {"sale-id": "ID", "user-id": "USER", "seat-ids": "--seats", "payment-ids": "PAYMENT"}
    arguments |= {"letter-id": "LETTER", "letter-ids": "LETTER"}
    return arguments.get(dashed, f"--{dashed}")


def is_remote() -> bool:
    """Say whether the command line that runs now acts on a deployed stage."""
    return _remote() is not None


def _remote() -> "Remote | None":
    context = click.get_current_context(silent=True)
    return context.meta.get(_CHOSEN) if context else None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in many containers
        return "unknown"
