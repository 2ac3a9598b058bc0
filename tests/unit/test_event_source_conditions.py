"""What a template says under conditions, with what is known on one machine."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ops.local.event_source.function_spec import read_mapping
from ops.local.event_source.template import BadTemplate, Template, Unresolved

PROJECT = Path(__file__).resolve().parents[2]
TEMPLATE = """
Parameters:
  Pollers: {Type: Number, Default: 2}
  Flag: {Type: String, Default: "true"}
  Given: {Type: String}
Conditions:
  Keeps: !Not [!Equals [!Ref Pollers, 0]]
  Flagged: !Equals [!Ref Flag, true]
  Both: !And [!Condition Keeps, !Condition Flagged]
  Either: !Or [!Condition Keeps, !Equals [!Ref Given, x]]
  Unknown: !Equals [!Ref Given, x]
  Round: !Not [!Condition Round]
  Wrong: !Sometimes [1]
Resources: {}
"""
Make = Callable[..., Template]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Read the template with some parameters."""

    def read(**parameters: str) -> Template:
        path = tmp_path / "template.yaml"
        path.write_text(TEMPLATE)
        return Template(path, parameters, "shop")

    return read


def choice(condition: str) -> dict[str, Any]:
    return {"Fn::If": [condition, "yes", "no"]}


@pytest.mark.parametrize(
    ("parameters", "verdicts"),
    [
        ({}, {"Keeps": "yes", "Flagged": "yes", "Both": "yes", "Either": "yes"}),
        ({"Pollers": "0"}, {"Keeps": "no", "Both": "no"}),
        ({"Flag": "false"}, {"Flagged": "no", "Both": "no"}),
        ({"Pollers": "0", "Given": "x"}, {"Either": "yes", "Unknown": "yes"}),
        ({"Pollers": "0", "Given": "y"}, {"Either": "no", "Unknown": "no"}),
    ],
)
def test_a_condition_about_parameters_is_decided(
    parameters: Mapping[str, str], verdicts: Mapping[str, str], make: Make
) -> None:
    template = make(**parameters)
    assert {name: template.resolved(choice(name)) for name in verdicts} == verdicts


def test_what_only_a_deployment_knows_stays_open(make: Make) -> None:
    assert isinstance(make().resolved(choice("Unknown")), Unresolved)
    assert isinstance(make(Pollers="0").resolved(choice("Either")), Unresolved)


def test_what_is_no_value_is_no_property_and_no_entry(make: Make) -> None:
    nothing = {"Ref": "AWS::NoValue"}
    sometimes = {"Fn::If": ["Keeps", {"Least": 1}, nothing]}
    value = {"a": sometimes, "b": nothing, "c": [1, nothing, sometimes]}
    assert make().resolved(value) == {"a": {"Least": 1}, "c": [1, {"Least": 1}]}
    assert make(Pollers="0").resolved(value) == {"c": [1]}


@pytest.mark.parametrize("condition", ["Round", "Wrong", "Missing"])
def test_a_condition_that_is_none_is_named_with_the_file(condition: str, make: Make) -> None:
    with pytest.raises(BadTemplate, match=r"template\.yaml"):
        make().resolved({"a": choice(condition)})


def test_the_pollers_of_the_project_are_counted_by_parameters_and_can_be_sent_home() -> None:
    def mapping(function: str, event: str = "", **parameters: str) -> Any:
        return read_mapping(Template(PROJECT / "template.yaml", parameters, "onsale"), function, event)[1]

    assert (mapping("Persist").enabled, mapping("Persist").max_pollers) == (True, 4)
    assert mapping("Persist", PersistPollers="24", PersistMinimumPollers="8").min_pollers == 8
    assert mapping("Notify", NotifyPollers="6").max_pollers == 6
    assert mapping("Statistics").max_pollers == 2
    assert mapping("Statistics", StatisticsPollers="0").max_pollers is None  # Lambda scales them by itself
    assert mapping("DeadLetters", "DeadLetters", DeadLettersPollers="0").max_pollers is None
    for function in ("Persist", "Notify", "Statistics"):
        assert not mapping(function, Consuming="false").enabled
