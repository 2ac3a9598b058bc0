"""The commands as a table of the README, read from the command itself."""

from collections.abc import Iterator

import click

from ops.cli import onsale
from ops.commands.options import setting_names


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
    """Return two tables: the commands, and the settings of a sale that `create` and `configure` take.

    `--json` and `--help`, which all have, are left out, and `--target`, which all have that act on a sale.
    """
    rows = ["| command | what it does |", "| --- | --- |"]
    settings: dict[str, str] = {}
    for path, command in leaves(onsale, "onsale"):
        words = [path, *_arguments(command)]
        for option in _options(command):
            if _is_about_settings(command) and option.opts[0] in setting_names():
                settings[_spelled(option)] = option.help or ""
            else:
                words.append(f"[{_spelled(option)}]")
        words += ["[SETTING…]"] if _is_about_settings(command) else []
        rows.append(f"| `{' '.join(words)}` | {command.get_short_help_str(200)} |")
    rows += ["", "| setting of a sale (default) | what it does |", "| --- | --- |"]
    rows += [f"| `{name}` | {meaning} |" for name, meaning in settings.items()]
    return "\n".join(rows) + "\n"


def _is_about_settings(command: click.Command) -> bool:
    return {option.opts[0] for option in _options(command)}.issuperset(setting_names())


def _arguments(command: click.Command) -> list[str]:
    return [each.make_metavar(click.Context(command)) for each in command.params if isinstance(each, click.Argument)]


def _options(command: click.Command) -> list[click.Option]:
    return [
        each for each in command.params if isinstance(each, click.Option) and each.name not in ("as_json", "target")
    ]


def _spelled(option: click.Option) -> str:
    """Spell an option with its value; a bar would end the cell of a table."""
    names = "/".join([*option.opts, *option.secondary_opts])
    if option.is_flag:
        return names
    if isinstance(option.type, click.Choice):
        return f"{names} {'/'.join(option.type.choices)}"
    return f"{names} {option.metavar or 'TEXT'}"


if __name__ == "__main__":
    click.echo(markdown(), nl=False)
