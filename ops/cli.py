"""The `onsale` command: finds the subcommand, layers the settings, and turns every ending into an exit code.

0 ok, 1 failed, 2 usage, 3 differences or NO-GO, 4 still in flight or INVALID, 130 interrupted. Subcommands live in
`ops.commands` and are imported when asked for, so that `onsale` answers at once.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version

import click

from chalicelib.errors import BadSetting, InvalidRequest, OnsaleError
from ops import environment
from ops.console import FAILED, INTERRUPTED, OK, USAGE, print_json, say

COMMANDS = {
    "up": "ops.local.cli_stack:up",
    "down": "ops.local.cli_stack:down",
    "status": "ops.local.cli_stack:status",
    "demo": "ops.commands.demo:demo",
    "migrate": "ops.commands.migrate:migrate",
    "sale": "ops.commands.sale:sale",
    "watch": "ops.commands.watch:watch",
    "purchases": "ops.commands.purchases:purchases",
    "buyer": "ops.commands.buyer:buyer",
    "refunds": "ops.commands.refunds:refunds",
    "dlq": "ops.commands.dlq:dlq",
    "ledger": "ops.commands.ledger:ledger",
    "token": "ops.commands.token:token",
    "package": "ops.commands.package:package",
    "rehearse": "ops.commands.rehearse:rehearse",
    "bench": "ops.commands.bench:bench",
}


_OWN_LAYERS = (
    "up",
    "down",
    "status",
    "demo",
    "rehearse",
    "bench",
    "package",
)  # they know a stack's settings better than its `env` file


class LazyGroup(click.Group):
    """A group that imports a subcommand when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of a working day."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a subcommand."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        command: click.Command = getattr(import_module(module), name)
        return command


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"onsale {version('onsale')}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="A setting comes from its flag, then the environment, then HOME/env (written by `onsale up`), then its "
    "default. Exit: 0 ok, 1 failed, 2 usage, 3 differences or NO-GO, 4 still in flight or INVALID, 130 interrupted.",
)
@click.option("--home", metavar="FOLDER", help="Folder of the local stack (ONSALE_HOME, .local).")
@click.option("--set", "assignments", metavar="NAME=VALUE", multiple=True, help="Any setting, e.g. REDIS_URL=….")
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Say which.")
@click.pass_context
def onsale(ctx: click.Context, home: str | None, assignments: tuple[str, ...]) -> None:
    """Sell tickets to far more buyers than there are tickets: fairly, each once, all of it checkable.

    \b
    onsale up                                     start everything on this machine
    onsale sale create spring --rows 10 --seats-per-row 10
    onsale sale show spring
    onsale ledger spring --wait 10                does everything agree?
    onsale demo                                   watch 1,000 buyers fight for 100 seats
    """
    flags = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise click.BadParameter("each is NAME=VALUE", param_hint="--set")  # not repeated: it may be a secret
        flags[name] = value
    if home:
        flags["ONSALE_HOME"] = home
    environment.layer(flags, with_home=ctx.invoked_subcommand not in _OWN_LAYERS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; return its exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in arguments
    try:
        ended = onsale.main(args=arguments, prog_name="onsale", standalone_mode=False)
        return ended if isinstance(ended, int) else OK
    except (click.Abort, KeyboardInterrupt):
        say("interrupted")
        return INTERRUPTED
    except click.ClickException as error:
        return _fail(error.format_message(), "usage" if error.exit_code == USAGE else "failed", as_json, error)
    except OnsaleError as error:
        return _fail(error.detail, error.code, as_json, error)


def _fail(detail: str, code: str, as_json: bool, error: Exception) -> int:
    where = ""
    if isinstance(error, click.UsageError) and error.ctx is not None:
        where = f"\nTry: {error.ctx.command_path} --help"
    say(click.style("error: ", fg="red") + detail + where)
    if as_json:
        print_json({"error": {"code": code, "detail": detail}})
    is_usage = isinstance(error, click.UsageError | InvalidRequest | BadSetting)
    return USAGE if is_usage else FAILED


if __name__ == "__main__":
    sys.exit(main())
