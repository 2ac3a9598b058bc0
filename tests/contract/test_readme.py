"""The README's tables say what the code does: settings, commands, keys, tables."""

import re
from pathlib import Path

from chalicelib.config import documented
from chalicelib.sale.keys import SaleKeys
from ops.commands.catalogue import markdown
from ops.metrics.catalogue import METRICS

PROJECT = Path(__file__).resolve().parents[2]
README = (PROJECT / "README.md").read_text()


def test_the_table_of_settings_has_every_setting_with_its_default_and_meaning() -> None:
    told = set(re.findall(r"^\| `([A-Z0-9_]+)` \| (?:`([^`]*)`)? ?\| (.*) \|$", README, re.MULTILINE))
    assert told == {(each.name, each.default, each.meaning) for each in documented()}


def test_the_tables_of_commands_are_those_of_the_command() -> None:
    assert markdown().strip() in README


def test_the_table_of_keys_has_every_key_of_a_sale() -> None:
    told = re.findall(r"^\| `\{sale:ID\}:(\w+)` \|", README, re.MULTILINE)
    assert told == list(SaleKeys.__slots__)


def test_the_table_of_tables_has_every_table_of_the_schema() -> None:
    schema = "".join(path.read_text() for path in sorted((PROJECT / "infra" / "mysql").glob("*.sql")))
    told = set(re.findall(r"^\| `(?!onsale_)([a-z_]+)` \| [a-z]", README, re.MULTILINE))
    assert told == set(re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", schema))


def test_the_table_of_metrics_has_every_metric_with_its_type_labels_and_meaning() -> None:
    told = re.findall(r"^\| `(onsale_\w+)` \| (\w+) \| (.*?) \| (.*) \|$", README, re.MULTILINE)
    assert told == [
        (name, doc.kind, ", ".join(f"`{label}`" for label in doc.labels), doc.help) for name, doc in METRICS.items()
    ]
