"""The commands as a table of the README, read from the command itself."""

from collections.abc import Iterator

import click

from ops.cli import onsale


def leaves(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    """Return every command that does something, with the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, f"{path} {name}")
        elif command is not None:
            yield f"{path} {name}", command


def markdown() -> str:
    """Return the table: how to call it, what it does. `--json` and `--help`, which all have, are left out."""
    rows = ["| command | what it does |", "| --- | --- |"]
    for path, command in leaves(onsale, "onsale"):
        usage = " ".join([path, *_arguments(command), *_options(command)])
        rows.append(f"| `{usage}` | {command.get_short_help_str(200)} |")
    return "\n".join(rows) + "\n"


def _arguments(command: click.Command) -> list[str]:
    return [each.make_metavar(click.Context(command)) for each in command.params if isinstance(each, click.Argument)]


def _options(command: click.Command) -> list[str]:
    words = []
    for each in command.params:
        if isinstance(each, click.Option) and each.name != "as_json":
            value = "" if each.is_flag else f" {each.make_metavar(click.Context(command))}"
            words.append(f"[{'/'.join([*each.opts, *each.secondary_opts])}{value}]")
    return words


if __name__ == "__main__":
    click.echo(markdown(), nl=False)
