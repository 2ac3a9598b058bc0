"""What a PromQL expression asks for, and what commands an advice names: as far as the tests need to know."""

import re
from collections.abc import Iterator

import click

from ops.cli import onsale
from ops.metrics.catalogue import HISTOGRAM, METRICS

_METRIC = re.compile(r"\b(onsale_[a-z0-9_]+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")
_CODE = re.compile(r"`([^`]+)`")
_OPTION = re.compile(r"--[a-z-]+")


def metrics(expression: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Return each metric of an expression, a histogram by its own name, and the labels that are asked of it."""
    for name, matchers in _METRIC.findall(expression):
        yield _family(name), frozenset(_MATCHER.findall(matchers)) - {"le"}


def unknown(expression: str) -> list[str]:
    """Return what an expression asks for that the exporter does not tell: metrics, and labels of metrics."""
    wrong = []
    for name, labels in metrics(expression):
        if name not in METRICS:
            wrong.append(name)
        else:
            wrong += [f"{name}{{{label}}}" for label in sorted(labels - set(METRICS[name].labels))]
    return wrong


def _family(name: str) -> str:
    base = re.sub(r"_(bucket|count|sum)$", "", name)
    return base if base in METRICS and METRICS[base].kind == HISTOGRAM else name


def commands(advice: str) -> list[str]:
    """Return the `onsale …` command lines of a text."""
    return [code for code in _CODE.findall(advice) if re.match(r"(?:[A-Z_]+=\S+ )*onsale ", code)]


def faults(line: str) -> list[str]:
    """Return what a command line names that there is not: its command, or an option."""
    words = line[line.index("onsale") :].split()[1:]
    command: click.Command = onsale
    while words and isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words.pop(0))
        if found is None:
            return [f"no such command: {line}"]
        command = found
    options = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    wrong = [f"{option} is no option: {line}" for option in _OPTION.findall(line) if option not in options]
    return wrong + [f"not a whole command: {line}"] * isinstance(command, click.Group)
