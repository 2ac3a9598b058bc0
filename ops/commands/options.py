"""Options that several commands share, and those that mirror the settings of a sale."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ops.operation import LOCAL, choose

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Say what would happen; change nothing.")


def _choose(_: click.Context, __: click.Parameter, target: str) -> None:
    try:
        choose(target)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


target_option = click.option(
    "--target",
    metavar="TARGET",
    envvar="ONSALE_TARGET",
    show_envvar=True,
    default=LOCAL,
    expose_value=False,
    callback=_choose,
    help="Whose data: local, stack:NAME or a function's ARN (local).",
)

# (option, type, metavar, help); the argument's name is the option's in camelCase.
_SETTINGS: tuple[tuple[str, Any, str | None, str], ...] = (
    ("--name", str, "TEXT", "What buyers see as the sale's name."),
    ("--message", str, "TEXT", "A line for the waiting page."),
    ("--limit-per-buyer", int, "N", "Units or seats that one buyer may have (1)."),
    ("--max-active", int, "N", "Buyers who may be choosing at the same time (100)."),
    ("--admit-per-second", float, "N", "Admissions a second; 0 = unlimited (100)."),
    ("--overbook", float, "N", "Buyers admitted per free unit, at most (1)."),
    ("--hold-seconds", float, "S", "How long a reservation waits for payment (300)."),
    ("--active-seconds", float, "S", "How long an admitted buyer may choose (300)."),
    ("--claim-seconds", float, "S", "How long an admitted buyer has to show up (90)."),
    (
        "--payment",
        click.Choice(["none", "required"]),
        None,
        "none sells at once; required holds first (none).",
    ),
    ("--opens-at", str, "TIME", "When it opens, ISO-8601 with zone (at once)."),
    ("--queue-opens-at", str, "TIME", "When buyers may queue, before it opens."),
    ("--closes-at", str, "TIME", "When it closes; `none` = never."),
    ("--max-outbox", int, "N", "Events waiting for Kafka that stop admission (10000)."),
)


def setting_options(command: Decorated) -> Decorated:
    """Add an option for every setting of a sale."""
    command = click.option("--standby/--no-standby", default=None, help="Keep the line when sold out.")(command)
    for name, kind, metavar, meaning in reversed(_SETTINGS):
        command = click.option(name, type=kind, metavar=metavar, help=meaning)(command)
    return command


class OrderedGroup(click.Group):
    """A group that lists its commands as the file has them, not by the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of definition."""
        return list(self.commands)


def setting_names() -> list[str]:
    """Return the options that mirror the settings of a sale, as they are spelled."""
    return [name for name, *_ in _SETTINGS] + ["--standby"]
