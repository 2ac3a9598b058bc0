"""The template that is deployed: what `chalice package` says of the API, merged with template.yaml, and made fit.

Chalice gives every function one role, this machine's Python and the unpublished version. What is put right
here is said once for all functions.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from ops.package import observation, roles, sources
from ops.package.gateway_responses import gateway_responses
from ops.package.target import Target

Document = dict[str, Any]

FUNCTION = "AWS::Serverless::Function"
API_ZIP, AUTHORIZER_ZIP, CONSUMERS_ZIP = "api.zip", "authorizer.zip", "consumers.zip"
_ZIP_OF = {"APIHandler": API_ZIP, "Promote": API_ZIP, "JwtAuth": AUTHORIZER_ZIP}
_OF_THE_TARGET = ("CodeUri", "Runtime", "Architectures")
_API, _STAGE = "APIHandler", "live"


def merge_document(root: Path) -> Document:
    """Return template.yaml as a document of plain intrinsics, which is what Chalice merges with its own."""
    document: Document = yaml_parse((root / "template.yaml").read_text())
    if (root / sources.MYSQL_CA).is_file():
        document["Parameters"]["MysqlCaFile"]["Default"] = sources.MYSQL_CA
    return document


def finished(document: Document, target: Target) -> Document:
    """Return what is deployed."""
    resources: dict[str, Any] = document["Resources"]
    resources.pop("DefaultRole", None)
    for word in _OF_THE_TARGET:  # what template.yaml says for all is said by each function now
        document.get("Globals", {}).get("Function", {}).pop(word, None)
    added: dict[str, Any] = {}
    for name, resource in resources.items():
        if resource["Type"] == FUNCTION:
            _fit(name, resource["Properties"], target)
            added[roles.role_name(name)] = roles.role(name)
            added[f"{name}Logs"] = observation.log_group(name)
            added |= observation.alarms(name, consumes=_consumes(resource["Properties"]))
    _fit_api(resources)
    added |= observation.loop_alarms() | observation.letter_alarms() | observation.api_alarms(_STAGE)
    return {**document, "Resources": {**resources, **added}}


def as_text(document: Mapping[str, Any]) -> str:
    """Return compact JSON, the same for the same document: what is deployed through a bucket is 1 MB at most."""
    return json.dumps(document, separators=(",", ":"), sort_keys=True) + "\n"


def _fit(name: str, properties: Document, target: Target) -> None:
    properties |= {
        "CodeUri": _ZIP_OF.get(name, CONSUMERS_ZIP),
        "Runtime": target.runtime,
        "Architectures": [target.arch],
        "Role": {"Fn::GetAtt": [roles.role_name(name), "Arn"]},
        "LoggingConfig": {"LogGroup": {"Ref": f"{name}Logs"}},
    }


def _consumes(properties: Document) -> bool:
    events = (properties.get("Events") or {}).values()
    return any(event["Type"] in ("MSK", "SelfManagedKafka") for event in events)


def _fit_api(resources: dict[str, Any]) -> None:
    """Send the API's requests to the published alias: Chalice's document names the function itself."""
    api = resources["RestAPI"]["Properties"]
    api["EndpointConfiguration"] = {"Type": "REGIONAL"}
    body = api["DefinitionBody"]
    body["x-amazon-apigateway-gateway-responses"] = gateway_responses()
    for methods in body["paths"].values():
        for method in methods.values():
            integration = method["x-amazon-apigateway-integration"]
            if integration["type"] == "aws_proxy":
                integration["uri"] = _to_alias(integration["uri"])
    resources["APIHandlerInvokePermission"]["Properties"]["FunctionName"] = {"Ref": f"{_API}.Alias"}


def _to_alias(uri: Document) -> Document:
    text = uri["Fn::Sub"].replace(f"${{{_API}.Arn}}", "${Target}")
    return {"Fn::Sub": [text, {"Target": {"Ref": f"{_API}.Alias"}}]}
