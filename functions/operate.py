"""The operator's function: one action in, one JSON answer out. The `onsale` command talks to nothing else.

`handler({"action": "sale.show", "arguments": {"saleId": "demo"}, "actor": "ann"}, context)` answers
`{"result": …}`, or `{"error": {"code", "detail", …}}` when the action is refused. What nobody foresaw is raised, so
that Lambda reports a FunctionError. An action takes its arguments as sent and checks them itself.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import fields
from importlib import import_module
from typing import Any

from chalicelib.config import Settings, settings
from chalicelib.errors import BadSetting, FieldError, InvalidRequest, OnsaleError
from functions.actor import acting

Action = Callable[[Mapping[str, Any]], dict[str, Any]]

_REDIS, _MYSQL, _KAFKA = "REDIS_URL", "MYSQL_URL", "KAFKA_BOOTSTRAP_SERVERS"

# Where each action is, and which settings it cannot do without. Imported when called: a sale's list must not wait for
# the clients of Kafka and MySQL.
ACTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "sale.create": ("functions.sales:create", (_REDIS, _MYSQL)),
    "sale.list": ("functions.sales:list_all", (_REDIS,)),
    "sale.show": ("functions.sales:show", (_REDIS,)),
    "sale.configure": ("functions.sales:configure", (_REDIS,)),
    "sale.pause": ("functions.sales:pause", (_REDIS,)),
    "sale.resume": ("functions.sales:resume", (_REDIS,)),
    "sale.close": ("functions.sales:close", (_REDIS,)),
    "sale.reopen": ("functions.sales:reopen", (_REDIS,)),
    "sale.archive": ("functions.archive:archive", (_REDIS, _MYSQL, _KAFKA)),
    "purchases": ("functions.purchases:page", (_MYSQL,)),
    "buyer.show": ("functions.buyers:show", (_REDIS, _MYSQL)),
    "buyer.cancel": ("functions.buyers:cancel", (_REDIS,)),
    "buyer.erase": ("functions.buyers:erase", (_REDIS,)),
    "refunds.list": ("functions.refunds:list_all", (_MYSQL,)),
    "refunds.settle": ("functions.refunds:settle", (_MYSQL,)),
    "dlq.list": ("functions.dlq:list_all", (_MYSQL,)),
    "dlq.show": ("functions.dlq:show", (_MYSQL,)),
    "dlq.replay": ("functions.dlq_change:replay", (_MYSQL, _KAFKA)),
    "dlq.discard": ("functions.dlq_change:discard", (_MYSQL,)),
    "ledger": ("functions.ledger:ledger", (_REDIS, _MYSQL, _KAFKA)),
    "migrate": ("functions.migration:migrate", (_MYSQL,)),
}

_log = logging.getLogger(__name__)


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Run one action. Every action may be repeated: it then finds its work done."""
    try:
        action = _action(event)
        arguments = event.get("arguments", {})
        _log.info("%s by %s", event["action"], event.get("actor", "unknown"))
        with acting(event.get("actor")):
            return {"result": action(arguments)}
    except OnsaleError as error:
        return {"error": {"code": error.code, "detail": error.detail, **error.members}}


def _action(event: Mapping[str, Any]) -> Action:
    name = event.get("action")
    if name not in ACTIONS:
        raise InvalidRequest([FieldError("action", f"must be one of {', '.join(ACTIONS)}, not {name!r}")])
    place, needed = ACTIONS[name]
    _require(needed)
    module, function = place.split(":")
    action: Action = getattr(import_module(module), function)
    return action


def _require(needed: tuple[str, ...]) -> None:
    present = {each.metadata["name"]: getattr(settings(), each.name) for each in fields(Settings)}
    missing = [name for name in needed if not present[name]]
    if missing:
        raise BadSetting(
            [FieldError(name, "is not set; `onsale up` sets it, or name a server of yours") for name in missing]
        )
