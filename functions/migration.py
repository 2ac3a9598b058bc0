"""The operator's action that brings MySQL's tables to this version."""

from collections.abc import Mapping
from typing import Any

from functions import arguments, mysql


def migrate(given: Mapping[str, Any]) -> dict[str, Any]:
    """Apply what is missing; `applied` names the files, with `dryRun` those that would be."""
    values = arguments.read(given, {"dryRun": arguments.flag})
    dry_run = values.get("dryRun", False)
    return {"applied": mysql.migrate(dry_run=dry_run), "dryRun": dry_run}
