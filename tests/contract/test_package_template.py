"""The template that is deployed: valid without a word, within CloudFormation's limits, and every function as ruled."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from chalicelib.config import documented
from tests.packages import FUNCTIONS, ROOT, SCHEDULED, Document, Package, of_type

# Source: AWS CloudFormation User Guide, quotas.
MOST = {"Resources": 500, "Parameters": 200, "Outputs": 200, "Conditions": 500}
ZIPS = {"APIHandler": "api.zip", "Promote": "api.zip", "JwtAuth": "authorizer.zip"}


def test_the_linter_has_not_a_word_to_say(arm: Package) -> None:
    words = [str(Path(sys.executable).with_name("cfn-lint")), "template.json"]
    # Offline: whoever wants to ask anybody finds nobody.
    env = {**os.environ, "HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    done = subprocess.run(words, cwd=arm.folder, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_the_transform_of_sam_takes_it(arm: Package) -> None:
    assert set(of_type(arm.transformed, "AWS::Lambda::Function")) == FUNCTIONS
    assert "Transform" not in arm.transformed
    assert not [name for name, each in arm.transformed["Resources"].items() if "Serverless" in each["Type"]]


def test_another_processor_is_another_word_and_nothing_else(arm: Package, x86: Package) -> None:
    text = (arm.folder / "template.json").read_text()
    assert (x86.folder / "template.json").read_text() == text.replace('["arm64"]', '["x86_64"]')
    assert Counter(each["Type"] for each in x86.transformed["Resources"].values()) == Counter(
        each["Type"] for each in arm.transformed["Resources"].values()
    )


def test_another_python_is_another_word_too(arm: Package, here: Package) -> None:
    for name in FUNCTIONS:
        assert here.functions[name]["Runtime"] == here.target.runtime
        assert arm.functions[name]["Runtime"] == "python3.13"


def test_every_function_says_its_runtime_its_architecture_and_its_zip(arm: Package) -> None:
    for name, properties in arm.functions.items():
        assert properties["CodeUri"] == ZIPS.get(name, "consumers.zip"), name
        assert (arm.folder / properties["CodeUri"]).is_file()


def test_sizes_and_times_are_as_ruled(arm: Package) -> None:
    api, authorizer = arm.functions["APIHandler"], arm.functions["JwtAuth"]
    assert (api["MemorySize"], api["Timeout"]) == (1024, 10)
    assert authorizer["Timeout"] == 5
    for name in SCHEDULED:  # they run day and night
        assert _merged(arm, name)["MemorySize"] == 256


def test_what_is_said_for_all_functions_reaches_chalices_too(arm: Package) -> None:
    for name in ("APIHandler", "Promote"):
        values = _merged(arm, name)
        assert values["VpcConfig"]["SubnetIds"] == {"Ref": "SubnetIds"}
        assert values["Environment"]["Variables"]["IDENTITY"] == "jwt"
        assert values["Environment"]["Variables"]["REDIS_URL"] == {"Ref": "RedisUrl"}
    # It fetches keys from the internet, where a function in a VPC has no way to without a NAT.
    assert _merged(arm, "JwtAuth")["VpcConfig"] == {"Ref": "AWS::NoValue"}


def test_every_word_of_an_environment_is_a_setting_that_exists(arm: Package) -> None:
    known = {each.name for each in documented()}
    for name in FUNCTIONS:
        variables = set(_merged(arm, name)["Environment"]["Variables"])
        assert variables <= known, f"{name}: {variables - known}"


def test_no_secret_stands_in_the_template(arm: Package) -> None:
    for name in FUNCTIONS:
        variables = _merged(arm, name)["Environment"]["Variables"]
        secret = {each for each in variables if "SECRET" in each or "PASSWORD" in each}
        assert all(each.endswith("_ARN") for each in secret), name
    assert not [name for name in arm.template["Parameters"] if name.endswith(("Password", "Secret", "Token"))]


def test_every_parameter_is_used_and_every_condition_too(arm: Package) -> None:
    text = json.dumps({name: arm.template[name] for name in ("Resources", "Outputs", "Globals", "Conditions")})
    for name in arm.template["Parameters"]:
        assert f'"Ref": "{name}"' in text or f"${{{name}}}" in text, name
    for name in arm.template["Conditions"]:
        assert f'"Fn::If": ["{name}"' in text or f'"Condition": "{name}"' in text, name


def test_cloudformation_takes_as_much(arm: Package) -> None:
    for part, most in MOST.items():
        assert len(arm.transformed[part]) <= most, part
    longest = max(arm.transformed["Resources"], key=len)
    assert len(longest) <= 255, longest


def test_nothing_but_cloudformations_own_is_made_for_a_release(arm: Package) -> None:
    """A gradual release (CodeDeploy) is for who asks for it, and emulators know none."""
    assert not [each for each in arm.transformed["Resources"].values() if each["Type"].startswith("AWS::CodeDeploy")]


def test_a_change_of_settings_alone_can_publish_a_version(arm: Package) -> None:
    (version,) = of_type(arm.transformed, "AWS::Lambda::Version").values()
    assert version["Properties"]["Description"] == {"Ref": "Release"}  # CloudFormation replaces a version for it


def test_provisioned_concurrency_is_off_unless_asked_for(arm: Package) -> None:
    assert arm.template["Parameters"]["ProvisionedConcurrency"]["Default"] == 0
    (alias,) = of_type(arm.transformed, "AWS::Lambda::Alias").values()
    condition, kept, none = alias["Properties"]["ProvisionedConcurrencyConfig"]["Fn::If"]
    assert arm.template["Conditions"][condition] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "ProvisionedConcurrency"}, 0]}]
    }
    assert (kept, none) == (
        {"ProvisionedConcurrentExecutions": {"Ref": "ProvisionedConcurrency"}},
        {"Ref": "AWS::NoValue"},
    )


def test_chalices_configuration_says_what_is_ruled_and_leaves_the_rest_to_the_template() -> None:
    config = json.loads((ROOT / ".chalice" / "config.json").read_text())
    stage = config["stages"]["prod"]
    assert stage["api_gateway_stage"] == "live"  # Chalice's own word would make it /api/api/v1
    assert stage["api_gateway_endpoint_type"] == "REGIONAL"
    assert (stage["lambda_memory_size"], stage["lambda_timeout"]) == (1024, 10)
    # Chalice's log groups do not pass the linter, its layer and its roles are not ours.
    said = json.dumps(config)
    assert not [each for each in ("log_retention_in_days", "automatic_layer", "iam_role_arn") if each in said]


def _merged(package: Package, name: str) -> Document:
    """Return the properties of a function once what is said for all functions is merged into them."""
    properties: Document = package.transformed["Resources"][name]["Properties"]
    return properties
