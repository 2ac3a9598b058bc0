"""How a command reaches the operator's function: in this process, as `actor`, the person at the keyboard."""

import getpass
from typing import Any

from chalicelib.errors import BadSetting, FieldError, InvalidRequest, OnsaleError


def operate(action: str, **arguments: object) -> Any:
    """Run an action and return its result. Raises InvalidRequest with the options' names, or OnsaleError."""
    from functions.operate import handler

    sent = {name: value for name, value in arguments.items() if value is not None}
    answer = handler({"action": action, "arguments": sent, "actor": _actor()}, None)
    if "error" not in answer:
        return answer["result"]
    error = answer["error"]
    if error["code"] == "bad-setting":
        raise BadSetting([FieldError(each["field"], each["detail"]) for each in error["errors"]])
    if "errors" in error:
        raise InvalidRequest([FieldError(option(each["field"]), each["detail"]) for each in error["errors"]])
    raise OnsaleError(error["code"], error["detail"])


def option(field: str) -> str:
    """Return the option that carries an argument: `holdSeconds` is `--hold-seconds`."""
    dashed = "".join(f"-{each.lower()}" if each.isupper() else each for each in field)
    arguments = {"sale-id": "ID", "user-id": "USER", "seat-ids": "--seats", "payment-ids": "PAYMENT"}
    arguments |= {"letter-id": "LETTER", "letter-ids": "LETTER"}
    return arguments.get(dashed, f"--{dashed}")


def _actor() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in many containers
        return "unknown"
