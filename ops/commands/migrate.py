"""`onsale migrate`: bring MySQL's tables to this version."""

import click

from ops.commands.options import dry_run_option, json_option
from ops.console import print_json, show
from ops.operation import operate


@click.command()
@dry_run_option
@json_option
def migrate(dry_run: bool, as_json: bool) -> None:
    """Bring MySQL's tables to this version. What is applied already is not applied again.

    \b
    onsale migrate --dry-run
    onsale --set MYSQL_URL=mysql://onsale:secret@db.internal:3306/onsale migrate
    """
    answer = operate("migrate", dryRun=dry_run)
    if as_json:
        print_json(answer)
        return
    verb = "would apply" if dry_run else "applied"
    show("\n".join(f"{verb} {name}" for name in answer["applied"]) or "nothing to apply")
