"""docs/observing.md names metrics, alerts, commands and settings that there are, and has a row for every alert."""

import re
import shlex

import click
import pytest
from samtranslator.yaml_helper import yaml_parse

from chalicelib.config import documented
from ops.cli import onsale
from ops.commands.catalogue import leaves
from ops.metrics.catalogue import METRICS
from ops.watch import reading, rows
from ops.watch.figures import Figures
from tests.contract.compose_rules import PROJECT

GUIDE = (PROJECT / "docs" / "observing.md").read_text()
COMMANDS = dict(leaves(onsale, "onsale"))
CALLS = sorted(
    set(re.findall(r"`(onsale [a-z][^`]*)`", GUIDE)) | set(re.findall(r"^\$ (onsale [^#>\n]*)", GUIDE, re.MULTILINE))
)


def test_every_metric_that_it_names_is_exported() -> None:
    named = set(re.findall(r"\bonsale_[a-z_]+[a-z]\b", GUIDE))
    assert named
    assert named <= METRICS.keys()


def test_every_metric_that_the_watch_reads_is_exported() -> None:
    source = "".join((PROJECT / "ops" / "watch" / name).read_text() for name in ("reading.py", "sources.py"))
    named = set(re.findall(r'"(onsale_[a-z_]+)"', source))
    assert reading.figures.__module__ == "ops.watch.reading"
    assert named <= METRICS.keys()


def test_every_alert_has_a_row_and_every_row_an_alert_that_there_is() -> None:
    groups = yaml_parse((PROJECT / "infra" / "prometheus" / "alerts.yml").read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"]}
    told = re.findall(r"^\| [^|]+ \| `(Onsale\w+)` \|", GUIDE, re.MULTILINE)
    assert sorted(told) == sorted(alerts)


@pytest.mark.parametrize("call", CALLS)
def test_every_command_that_it_names_is_one(call: str) -> None:
    path = max((each for each in COMMANDS if f"{call} ".startswith(f"{each} ")), key=len)
    words = shlex.split(call.removeprefix(path))
    options = {name for each in COMMANDS[path].params for name in (*each.opts, *each.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= options
    takes = [each for each in COMMANDS[path].params if isinstance(each, click.Argument) and each.required]
    assert not words or len(words) >= len(takes)


def test_every_setting_that_it_names_is_one() -> None:
    settings = {each.name for each in documented()}
    assert set(re.findall(r"`(ONSALE_[A-Z_]+|RATE_LIMIT)`", GUIDE)) <= settings


def test_every_row_of_the_watch_is_explained() -> None:
    names = {each.name for each in rows.rows(Figures("spring"))} | {"http", "processes"}
    told = set(re.findall(r"^\| ([a-z]+) \| ", GUIDE, re.MULTILINE))
    assert names <= told


def test_the_picture_of_the_watch_loads_nothing_from_elsewhere() -> None:
    picture = (PROJECT / "docs" / "watch.svg").read_text()
    assert set(re.findall(r"https?://[^\"' )]+", picture)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<script|@import|@font-face|href=|url\((?!#)", picture)
