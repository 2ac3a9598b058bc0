"""`onsale buyer …`: one buyer's story, and what an operator may do about it."""

from typing import Any

import click

from ops.commands.options import OrderedGroup, dry_run_option, json_option, target_option, yes_option
from ops.console import print_json, say, show, table
from ops.operation import confirm, operate

_id = click.argument("sale_id", metavar="ID")
_user = click.argument("user_id", metavar="USER")


@click.group(cls=OrderedGroup, short_help="Look at one buyer, cancel, erase.")
def buyer() -> None:
    """One buyer's story, and what an operator may do about it."""


@buyer.command("show", short_help="Show a buyer in Redis and MySQL, and the messages sent; looking changes nothing.")
@_id
@_user
@target_option
@json_option
def show_buyer(sale_id: str, user_id: str, as_json: bool) -> None:
    """Show where a buyer stands in Redis, what MySQL has of them, and what was sent; looking changes nothing."""
    answer = operate("buyer.show", saleId=sale_id, userId=user_id)
    if as_json:
        print_json(answer)
    else:
        show(_story(answer))


@buyer.command(short_help="Cancel what a buyer holds or bought. Asks first.")
@_id
@_user
@target_option
@yes_option
@dry_run_option
@json_option
def cancel(sale_id: str, user_id: str, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Cancel what a buyer holds or bought; a paid purchase becomes a refund due. Asks first.

    \b
    onsale buyer cancel spring ann --dry-run
    """
    if not dry_run:
        confirm(f"Cancel what {user_id} has in the sale {sale_id}?", yes=yes)
    answer = operate("buyer.cancel", saleId=sale_id, userId=user_id, dryRun=dry_run)
    if as_json:
        print_json(answer)
    else:
        say(answer["outcome"])


@buyer.command(short_help="Erase how to reach a buyer. Asks first.")
@_id
@_user
@target_option
@yes_option
@dry_run_option
@json_option
def erase(sale_id: str, user_id: str, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Erase how to reach a buyer (e-mail, phone); purchases stay under the bare user id. Asks first.

    \b
    onsale buyer erase spring ann --target stack:onsale-prod --yes
    """
    if not dry_run:
        confirm(f"Erase the contact of {user_id} in the sale {sale_id}?", yes=yes)
    answer = operate("buyer.erase", saleId=sale_id, userId=user_id, dryRun=dry_run)
    if as_json:
        print_json(answer)
    else:
        say(answer["outcome"])


def _story(answer: dict[str, Any]) -> str:
    now, record = answer["redis"], answer["mysql"]
    lines = [f"{answer['userId']} in {answer['saleId']}", ""]
    lines.append(table([("Redis", name, value) for name, value in _flat(now)] or [("Redis", "nothing", "")]))
    lines.append("")
    lines.append(table([("MySQL", name, value) for name, value in _flat(record)] or [("MySQL", "nothing", "")]))
    if answer["events"]:
        head = ("VERSION", "AT", "TYPE", "REASON")
        lines += [
            "",
            table(
                ((f"{e['epoch']}-{e['version']}", e["at"], e["type"], e["reason"]) for e in answer["events"]),
                head,
            ),
        ]
    if answer["messages"]:
        rows = (
            (f"{m['epoch']}-{m['version']}", m["sentAt"], m["type"], m["channel"], m["language"], m["messageId"])
            for m in answer["messages"]
        )
        lines += ["", table(rows, ("VERSION", "SENT", "TYPE", "CHANNEL", "LANGUAGE", "MESSAGE"))]
    return "\n".join(lines)


def _flat(document: dict[str, Any] | None) -> list[tuple[str, str]]:
    rows = []
    for name, value in (document or {}).items():
        if isinstance(value, list):
            value = " ".join(map(str, value))
        if value not in (None, ""):
            rows.append((name, str(value)))
    return rows
