"""docs/deploy.md knows every parameter and every alarm of what is deployed, and its sums are right."""

import re
from fnmatch import fnmatchcase
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from ops.package import template
from ops.package.target import Target
from tests.contract.compose_rules import PROJECT

GUIDE = (PROJECT / "docs" / "deploy.md").read_text()


def section(title: str) -> str:
    """Return what stands below a heading, down to the next one that is not below it."""
    level = GUIDE[: GUIDE.index(f"# {title}\n") + 1].rpartition("\n")[2]
    text = GUIDE.split(f"\n{level} {title}\n", 1)[1]
    return re.split(rf"\n#{{2,{len(level)}}} ", text)[0]


def rows(title: str) -> list[list[str]]:
    """Return the cells of the first table below a heading, without its head."""
    lines = re.findall(r"(?:^\|.*\n?)+", section(title), re.MULTILINE)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.removeprefix("|").removesuffix("|").split("|")] for line in lines]


def finished() -> dict[str, Any]:
    """Return the deployed template but for what Chalice adds, which brings neither parameter nor alarm of its own."""
    document = template.merge_document(PROJECT)
    for name in ("APIHandler", "JwtAuth", "Promote"):
        document["Resources"][name]["Type"] = template.FUNCTION
    document["Resources"]["RestAPI"] |= {"Type": "AWS::Serverless::Api"}
    document["Resources"]["RestAPI"]["Properties"]["DefinitionBody"] = {"paths": {}}
    document["Resources"]["APIHandlerInvokePermission"] = {"Type": "AWS::Lambda::Permission", "Properties": {}}
    return template.finished(document, Target("3.13", "arm64"))


def alarms() -> list[str]:
    return [name for name, each in finished()["Resources"].items() if each["Type"] == "AWS::CloudWatch::Alarm"]


def test_every_parameter_has_its_row_with_its_default() -> None:
    parameters = yaml_parse((PROJECT / "template.yaml").read_text())["Parameters"]
    told = {name.strip("`"): default.strip("`") for name, default, _ in rows("Parameters")}
    assert told == {name: str(each.get("Default", "*needed*")) for name, each in parameters.items()}


def test_every_parameter_is_explained() -> None:
    assert [name for name, _, meaning in rows("Parameters") if not meaning] == []


def test_what_the_steps_set_is_a_parameter_and_all_that_is_needed_is_set() -> None:
    set_by_step = set(re.findall(r"\b([A-Z]\w+)=", section("Steps").split("```")[1]))
    parameters = yaml_parse((PROJECT / "template.yaml").read_text())["Parameters"]
    assert set_by_step <= set(parameters) | {"ONSALE_TARGET"}
    assert {name for name, each in parameters.items() if "Default" not in each} <= set_by_step


def test_every_alarm_has_a_row_in_the_runbook_and_every_row_an_alarm() -> None:
    patterns = [name for cell, *_ in rows("Runbook") for name in re.findall(r"`([^`]+)`", cell)]
    names = alarms()
    assert len(names) > 20
    assert [name for name in names if not any(fnmatchcase(name, pattern) for pattern in patterns)] == []
    assert [pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in names)] == []


def test_every_row_of_the_runbook_says_what_to_do() -> None:
    assert [cells[0] for cells in rows("Runbook") if len(cells) != 4 or not all(cells)] == []


def amount(formula: str) -> float:
    """Return what a formula of the cost tables comes to: products of numbers, added up."""
    total = 0.0
    for term in formula.replace(",", "").split("+"):
        product = 1.0
        for factor in term.split("\N{MULTIPLICATION SIGN}"):
            product *= float(factor)
        total += product
    return total


@pytest.mark.parametrize("title", ["Idle, a month", "A million buyers"])
def test_every_cost_is_its_formula_and_all_is_their_sum(title: str) -> None:
    *items, (_, _, whole, _) = rows(title)
    for what, formula, told, source in items:
        assert f"{amount(formula):,.2f}" == told, what
        assert source, f"{what}: neither source nor estimate"
    assert f"{sum(float(told.replace(',', '')) for _, _, told, _ in items):,.2f}" == whole.strip("* ")


def test_the_guide_says_that_nothing_was_run_on_aws() -> None:
    assert "nothing on this page was run on AWS itself" in GUIDE.replace("\n", " ")
