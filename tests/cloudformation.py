"""CloudFormation's intrinsic functions, for tests that compare what a template says with what came of it."""

import re
from collections.abc import Mapping
from typing import Any

Document = dict[str, Any]

ACCOUNT, REGION = "123456789012", "eu-central-1"
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::URLSuffix": "amazonaws.com",
}
NO_VALUE = object()
_ARNS = {
    "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/{{}}",
    "AWS::Lambda::Function": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{{}}",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{{}}",
    "AWS::Events::Rule": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{{}}",
    "AWS::SQS::Queue": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{{}}",
    "AWS::SNS::Topic": f"arn:aws:sns:{REGION}:{ACCOUNT}:{{}}",
}


class Resolver:
    """Replaces references by values: of parameters as they were given, of resources as they were made."""

    def __init__(self, document: Document, stack: str, given: Mapping[str, str], made: Mapping[str, str]) -> None:
        defaults = {name: str(each["Default"]) for name, each in document["Parameters"].items() if "Default" in each}
        self._values: dict[str, Any] = {**PSEUDO, "AWS::StackName": stack, **defaults, **given, **made}
        for name, each in document["Parameters"].items():
            if each["Type"].startswith(("List<", "CommaDelimitedList")):
                self._values[name] = self._values[name].split(",")
        self._types = {name: each["Type"] for name, each in document["Resources"].items()}
        self._conditions: Document = document.get("Conditions", {})

    def value(self, said: Any) -> Any:
        """Return a value without intrinsic functions; what has no value is left out of lists and objects."""
        if isinstance(said, list):
            return [each for each in map(self.value, said) if each is not NO_VALUE]
        if not isinstance(said, dict):
            return said
        if len(said) == 1:
            ((name, argument),) = said.items()
            if name == "Ref":
                return NO_VALUE if argument == "AWS::NoValue" else self._values.get(argument, argument)
            if name.startswith("Fn::"):
                return self._function(name.removeprefix("Fn::"), argument)
        resolved = {name: self.value(each) for name, each in said.items()}
        return {name: each for name, each in resolved.items() if each is not NO_VALUE}

    def holds(self, said: Any) -> bool:
        """Return whether a condition holds, given by its name or as it is said."""
        if isinstance(said, str):
            return self.holds(self._conditions[said])
        ((name, argument),) = said.items()
        match name:
            case "Condition":
                return self.holds(argument)
            case "Fn::Not":
                return not self.holds(argument[0])
            case "Fn::And":
                return all(map(self.holds, argument))
            case "Fn::Or":
                return any(map(self.holds, argument))
            case "Fn::Equals":
                left, right = map(self.value, argument)
                return str(left) == str(right)
        raise AssertionError(f"no condition: {said}")

    def _function(self, name: str, argument: Any) -> Any:
        match name:
            case "If":
                return self.value(argument[1 if self.holds(argument[0]) else 2])
            case "GetAtt":
                return self._attribute(*(argument if isinstance(argument, list) else argument.split(".")))
            case "Sub":
                text, values = argument if isinstance(argument, list) else (argument, {})
                own = self.value(values)
                return re.sub(r"\$\{([^!}][^}]*)\}", lambda found: str(own.get(found[1], self._named(found[1]))), text)
            case "Select":
                return self.value(argument[1])[int(argument[0])]
            case "Split":
                return self.value(argument[1]).split(argument[0])
            case "Join":
                return argument[0].join(map(str, self.value(argument[1])))
        raise AssertionError(f"no function of CloudFormation that is known here: {name}")

    def _named(self, name: str) -> Any:
        return self._attribute(*name.split(".", 1)) if "." in name else self.value({"Ref": name})

    def _attribute(self, resource: str, attribute: str) -> str:
        made = self._values.get(resource, resource)
        return _ARNS[self._types[resource]].format(made) if attribute == "Arn" else f"{made}.{attribute}"
