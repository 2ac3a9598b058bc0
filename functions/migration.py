"""The operator's action that brings MySQL's tables and Kafka's topics to this version."""

from collections.abc import Mapping
from typing import Any

from chalicelib.config import settings
from chalicelib.errors import OnsaleError
from functions import arguments, mysql

_SCHEMA: arguments.Schema = {
    "dryRun": arguments.flag,
    "partitions": arguments.whole(1, 1_000),
    "replication": arguments.whole(1, 9),
}


def migrate(given: Mapping[str, Any]) -> dict[str, Any]:
    """Apply the SQL files and make the topics that are missing; with `dryRun` only say which.

    `applied` names the files. `topics` has those `created` and, of those that were there, what is `differing`; null
    where no Kafka is set. May be repeated: what is done already is not done again. Raises OnsaleError
    `topics-not-made` where Kafka is away or refuses.
    """
    values = arguments.read(given, _SCHEMA)
    dry_run = values.get("dryRun", False)
    applied = mysql.migrate(dry_run=dry_run)
    return {"applied": applied, "topics": _topics(values, dry_run=dry_run), "dryRun": dry_run}


def _topics(values: Mapping[str, Any], *, dry_run: bool) -> dict[str, Any] | None:
    if not settings().kafka_bootstrap_servers:
        return None
    from confluent_kafka import KafkaException

    from functions.topics import bring_topics

    try:
        plan = bring_topics(values.get("partitions"), values.get("replication"), dry_run=dry_run)
    except KafkaException as error:
        tables = "" if dry_run else "the tables are done, "
        raise OnsaleError("topics-not-made", f"{tables}the topics are not: {error.args[0].str()}") from error
    created = [
        {"topic": each.name, "partitions": each.partitions, "replication": each.replication} for each in plan.missing
    ]
    return {"created": created, "differing": [each._asdict() for each in plan.differing]}
