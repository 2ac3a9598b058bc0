"""`onsale refunds …`: the money that has to go back, and what of it has gone."""

import click

from ops.commands.options import OrderedGroup, dry_run_option, json_option, target_option, yes_option
from ops.console import print_json, say, show, table
from ops.operation import confirm, operate, pages

_id = click.argument("sale_id", metavar="ID")
_HEAD = ("PAYMENT", "BUYER", "RESERVATION", "WHY", "DUE SINCE", "SETTLED")


@click.group(cls=OrderedGroup, short_help="List refunds that are due, note those paid back.")
def refunds() -> None:
    """The money that has to go back: late, double and cancelled payments."""


@refunds.command("list", short_help="List the refunds of a sale: due since, why, settled.")
@_id
@click.option("--state", type=click.Choice(["DUE", "SETTLED"]), help="Only those in this state.")
@target_option
@json_option
def list_refunds(sale_id: str, state: str | None, as_json: bool) -> None:
    """List the refunds of a sale: due since when, why, and when settled.

    \b
    onsale refunds list spring --state DUE
    """
    found = list(pages("refunds.list", "refunds", saleId=sale_id, state=state))
    if as_json:
        print_json(found)
    elif found:
        show(table([tuple(each.values()) for each in found], _HEAD))
    else:
        say(f"no refund{f' is {state.lower()}' if state else ''} in {sale_id}")


@refunds.command("settle", short_help="Note that payments were given back. Asks first.")
@_id
@click.argument("payment_ids", metavar="PAYMENT...", nargs=-1, required=True)
@target_option
@yes_option
@dry_run_option
@json_option
def settle_refunds(sale_id: str, payment_ids: tuple[str, ...], yes: bool, dry_run: bool, as_json: bool) -> None:
    """Note that these payments were given back by the payment provider, all of them or none. Asks first.

    \b
    onsale refunds settle spring pay_17 pay_18 --yes
    """
    if not dry_run:
        confirm(f"Note {len(payment_ids)} payments of the sale {sale_id} as given back?", yes=yes)
    chosen = list(dict.fromkeys(payment_ids))
    answer = operate("refunds.settle", saleId=sale_id, paymentIds=chosen, dryRun=dry_run)
    if as_json:
        print_json(answer)
    else:
        say(answer["outcome"])
