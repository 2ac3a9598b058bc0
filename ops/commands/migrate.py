"""`onsale migrate`: bring MySQL's tables and Kafka's topics to this version."""

from collections.abc import Iterator
from typing import Any

import click

from ops.commands.options import dry_run_option, json_option, target_option, yes_option
from ops.console import DIFFERENT, OK, print_json, show
from ops.operation import confirm, operate


@click.command(short_help="Bring MySQL's tables and Kafka's topics to this version.")
@click.option("--partitions", type=int, metavar="N", help="Of the topic of events, where it is made (24; 1 broker: 6).")
@click.option("--replication", type=int, metavar="N", help="Copies of what is made (3; 1 broker: 1).")
@target_option
@yes_option
@dry_run_option
@json_option
def migrate(partitions: int | None, replication: int | None, yes: bool, dry_run: bool, as_json: bool) -> int:
    """Bring MySQL's tables and Kafka's topics to this version. What is there already is not made again.

    A topic that is there keeps its settings; where they are worse than they must be, each is named, and the exit is 3.

    \b
    onsale migrate --dry-run
    onsale --set MYSQL_URL=mysql://onsale:secret@db.internal:3306/onsale migrate
    onsale migrate --target stack:onsale-prod
    """
    if not dry_run:
        confirm("Bring MySQL's tables and Kafka's topics to this version?", yes=yes, always=False)
    answer = operate("migrate", dryRun=dry_run, partitions=partitions, replication=replication)
    if as_json:
        print_json(answer)
    else:
        show("\n".join(_lines(answer, dry_run=dry_run)) or "nothing to apply")
    return DIFFERENT if (answer.get("topics") or {}).get("differing") else OK


def _lines(answer: dict[str, Any], *, dry_run: bool) -> Iterator[str]:
    would = "would " if dry_run else ""
    apply, create = ("apply", "create") if dry_run else ("applied", "created")
    for name in answer["applied"]:
        yield f"{would}{apply} {name}"
    topics = answer.get("topics") or {"created": [], "differing": []}
    for each in topics["created"]:
        shape = f"{each['partitions']} partitions, {each['replication']} copies"
        yield f"{would}{create} the topic {each['topic']} ({shape})"
    for each in topics["differing"]:
        yield f"the topic {each['topic']} has {each['setting']} {each['value']}, must have {each['wanted']}"
