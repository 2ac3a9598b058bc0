"""A stack of the packaged template in an emulated CloudFormation, without what the emulator lacks."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import boto3
from moto import mock_aws

from tests.cloudformation import ACCOUNT, REGION, Document, Resolver

STACK = "spring"
LACKS = {
    "AWS::ApiGateway::Deployment": "the API's document is not read, so there is no method to deploy",
    "AWS::ApiGateway::Stage": "not known",
    "AWS::CloudFront::CachePolicy": "not known",
    "AWS::CloudFront::Distribution": "not known",
    "AWS::CloudWatch::Alarm": "not known; CloudWatch itself is, and gets the alarms below",
    "AWS::Lambda::Alias": "not known",
    "AWS::Lambda::EventInvokeConfig": "not known",
    "AWS::Lambda::EventSourceMapping": "known, but not for Kafka",
}
# A published alias stands for its function where there are no aliases.
INSTEAD = {"APIHandlerAliaslive": "APIHandler"}
GIVEN = {
    # The emulator's own has no name in it.
    "KafkaClusterArn": f"arn:aws:kafka:{REGION}:{ACCOUNT}:cluster/onsale/5c4f0a0e-6f8a-4d9e-8f6d-9a8f4a5a1b2c-7",
    "KafkaBootstrapServers": "b-1.onsale.example:9098,b-2.onsale.example:9098",
    "RedisUrl": "rediss://redis.onsale.example:6379",
    "MysqlUrl": "mysql://onsale@mysql.onsale.example:3306/onsale",
    "JwtAudience": "onsale",
    "JwtIssuer": "https://issuer.example/",
    "JwtJwksUrl": "https://issuer.example/keys",
    "SesFrom": "tickets@onsale.example",
    "ProvisionedConcurrency": "3",
}


@dataclass(frozen=True, slots=True)
class Made:
    """A stack, and what its template's intrinsic functions come to."""

    document: Document  # without what the emulator lacks
    whole: Document
    resolver: Resolver
    physical: Mapping[str, str]
    status: str
    outputs: Mapping[str, str]

    def said(self, name: str) -> Document:
        """Return a resource's properties without intrinsic functions."""
        properties: Document = self.resolver.value(self.whole["Resources"][name].get("Properties", {}))
        return properties


def client(service: str) -> Any:
    """Return a client of the emulator."""
    return boto3.client(service, region_name=REGION)


@contextmanager
def emulator() -> Iterator[None]:
    """Have AWS emulated in this process."""
    keys = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_DEFAULT_REGION": REGION}
    # moto warns of what it does not know, and warnings are errors here.
    with mock.patch.dict("os.environ", keys), mock_aws(config={"lambda": {"use_docker": False}}):
        yield


def network() -> dict[str, str]:
    """Make what a stack needs of others: a network, a Kafka cluster; returns the parameters."""
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24")["Subnet"]["SubnetId"] for n in range(2)]
    group = ec2.create_security_group(GroupName="onsale", Description="functions", VpcId=vpc)["GroupId"]
    nodes = {"InstanceType": "kafka.m7g.large", "ClientSubnets": subnets}
    client("kafka").create_cluster(
        ClusterName="onsale", KafkaVersion="3.9.x", NumberOfBrokerNodes=2, BrokerNodeGroupInfo=nodes
    )
    return {"SubnetIds": ",".join(subnets), "SecurityGroupIds": group}


def arns(parameters: Document) -> dict[str, str]:
    """Return something for every parameter that is an ARN: secrets, and topics."""
    secret = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:onsale"
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:onsale"
    arns = {name: secret if "Secret" in name else topic for name in parameters if name.endswith("Arn")}
    return {name: f"{text}-{name.lower()}" for name, text in arns.items()}


def create(whole: Document, given: dict[str, str]) -> Made:
    """Create the stack."""
    document = _without(whole, set(LACKS))
    formation = client("cloudformation")
    formation.create_stack(
        StackName=STACK,
        TemplateBody=json.dumps(document),
        Parameters=[{"ParameterKey": name, "ParameterValue": text} for name, text in given.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    (told,) = formation.describe_stacks(StackName=STACK)["Stacks"]
    resources = formation.describe_stack_resources(StackName=STACK)["StackResources"]
    physical = {each["LogicalResourceId"]: each.get("PhysicalResourceId", "") for each in resources}
    outputs = {each["OutputKey"]: each["OutputValue"] for each in told.get("Outputs", [])}
    return Made(document, whole, Resolver(whole, STACK, given, physical), physical, told["StackStatus"], outputs)


def _without(whole: Document, kinds: set[str]) -> Document:
    """Return a template without the resources of some types, and without what is said of them elsewhere."""
    gone = {name for name, each in whole["Resources"].items() if each["Type"] in kinds}
    kept = {name: _unlinked(each, gone) for name, each in whole["Resources"].items() if name not in gone}
    outputs = {
        name: each
        for name, each in whole.get("Outputs", {}).items()
        if not any(f'"{other}"' in json.dumps(each) or f"${{{other}." in json.dumps(each) for other in gone)
    }
    return {**whole, "Resources": kept, "Outputs": outputs}


def _unlinked(said: Any, gone: set[str]) -> Any:
    if isinstance(said, list):
        return [_unlinked(each, gone) for each in said]
    if not isinstance(said, dict):
        return said
    if said.get("Ref") in gone:
        return {"Ref": INSTEAD[said["Ref"]]}
    kept = {name: _unlinked(each, gone) for name, each in said.items()}
    if isinstance(needed := kept.get("DependsOn"), list | str):
        kept["DependsOn"] = [each for each in ([needed] if isinstance(needed, str) else needed) if each not in gone]
    return kept
