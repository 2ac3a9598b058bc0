"""One role per function, with what that function does and nothing else.

Sources: AWS Service Authorization Reference (Amazon MSK: `kafka-cluster` actions); Lambda Developer Guide, permissions
of event sources for Amazon MSK and of functions in a VPC. What IAM knows no resource of is on `*` by necessity.
"""

from collections.abc import Callable
from typing import Any

Statement = dict[str, Any]
Document = dict[str, Any]

# What each function touches; the keys are the resources of the template.
NEEDS: dict[str, tuple[str, ...]] = {
    "APIHandler": ("vpc", "redis", "webhook"),
    "JwtAuth": ("jwt",),
    "Promote": ("vpc", "redis"),
    "Relay": ("vpc", "redis", "kafka-write", "kafka-login"),
    "Persist": ("vpc", "mysql", "kafka-read", "kafka-write", "kafka-login"),
    "DeadLetters": ("vpc", "mysql", "kafka-read", "kafka-login"),  # its poller logs in
    "Notify": ("vpc", "redis", "mysql", "kafka-read", "kafka-write", "kafka-login", "send"),
    "Statistics": ("vpc", "mysql", "kafka-read", "kafka-write", "kafka-login"),
    "Operate": ("vpc", "redis", "mysql", "kafka-read", "kafka-write", "kafka-admin", "kafka-login"),
}


def role(function: str) -> Document:
    """Return the role of a function as a resource."""
    needed = [each for need in NEEDS[function] for each in _STATEMENTS[need]()]
    statements = [_logs(function), *needed, _secrets_key()]
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": _policy(
                [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]
            ),
            "Policies": [{"PolicyName": "function", "PolicyDocument": _policy(statements)}],
        },
    }


def role_name(function: str) -> str:
    """Return the resource name of a function's role."""
    return f"{function}Role"


def _policy(statements: list[Statement]) -> Document:
    return {"Version": "2012-10-17", "Statement": statements}


def _allow(actions: list[str], resource: Any) -> Statement:
    return {"Effect": "Allow", "Action": actions, "Resource": resource}


def _logs(function: str) -> Statement:
    return _allow(["logs:CreateLogStream", "logs:PutLogEvents"], {"Fn::GetAtt": [f"{function}Logs", "Arn"]})


def _vpc() -> list[Statement]:
    interfaces = ["ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface"]
    addresses = ["ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses", "ec2:DescribeSubnets"]
    return [_allow([*interfaces, *addresses], "*")]


def _secret(*parameters: str) -> Callable[[], list[Statement]]:
    # Of the two actions only that of the ARN's own service can be done on it.
    actions = ["secretsmanager:GetSecretValue", "ssm:GetParameter"]
    return lambda: [_where_given(each, _allow(actions, {"Ref": each})) for each in parameters]


def _secrets_key() -> Statement:
    return _where_given("SecretsKeyArn", _allow(["kms:Decrypt"], {"Ref": "SecretsKeyArn"}))


def _where_given(parameter: str, statement: Statement) -> Statement:
    return {"Fn::If": [f"Has{parameter}", statement, {"Ref": "AWS::NoValue"}]}


def _kafka(kind: str, name: str) -> Document:
    """Return the ARN of a topic or group of the cluster, whose own ARN ends in cluster/NAME/UUID."""
    parts = {"Fn::Split": ["/", {"Ref": "KafkaClusterArn"}]}
    account = "arn:${AWS::Partition}:kafka:${AWS::Region}:${AWS::AccountId}"
    values = {"Cluster": {"Fn::Select": [1, parts]}, "Uuid": {"Fn::Select": [2, parts]}}
    return {"Fn::Sub": [f"{account}:{kind}/${{Cluster}}/${{Uuid}}/{name}", values]}


def _topics() -> list[Document]:
    return [_kafka("topic", f"${{{name}}}") for name in ("KafkaTopic", "KafkaDlqTopic", "KafkaNotifyDlqTopic")]


def _connect() -> Statement:
    return _allow(["kafka-cluster:Connect", "kafka-cluster:DescribeCluster"], {"Ref": "KafkaClusterArn"})


def _kafka_read() -> list[Statement]:
    return [
        _connect(),
        _allow(["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"], _topics()),
        _allow(["kafka-cluster:DescribeGroup", "kafka-cluster:AlterGroup"], _kafka("group", "${AWS::StackName}-*")),
        # The event source mapping acts with the function's role.
        _allow(["kafka:DescribeCluster", "kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers"], "*"),
        _allow(["ec2:DescribeVpcs", "ec2:DescribeSecurityGroups"], "*"),
    ]


def _kafka_write() -> list[Statement]:
    return [
        _connect(),
        _allow(
            ["kafka-cluster:DescribeTopic", "kafka-cluster:WriteData", "kafka-cluster:WriteDataIdempotently"],
            [*_topics(), {"Ref": "KafkaClusterArn"}],
        ),
    ]


def _kafka_admin() -> list[Statement]:
    return [_allow(["kafka-cluster:CreateTopic", "kafka-cluster:DescribeTopicDynamicConfiguration"], _topics())]


def _send() -> list[Statement]:
    # A text message goes to a phone, which is no resource: all but the topics of an account.
    topics = {"Fn::Sub": "arn:${AWS::Partition}:sns:*:*:*"}
    sender = {"Fn::Sub": "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/*"}
    return [
        _where_given("SnsTopicArn", _allow(["sns:Publish"], {"Ref": "SnsTopicArn"})),
        _where_given("SnsTopicArn", {"Effect": "Allow", "Action": ["sns:Publish"], "NotResource": topics}),
        _where_given("SesFrom", _allow(["ses:SendRawEmail"], sender)),
    ]


_STATEMENTS: dict[str, Callable[[], list[Statement]]] = {
    "vpc": _vpc,
    "redis": _secret("RedisSecretArn"),
    "mysql": _secret("MysqlSecretArn"),
    "jwt": _secret("JwtSecretArn"),
    "webhook": _secret("PaymentWebhookSecretArn", "PreviousPaymentWebhookSecretArn"),
    "kafka-login": _secret("KafkaSecretArn"),
    "kafka-read": _kafka_read,
    "kafka-write": _kafka_write,
    "kafka-admin": _kafka_admin,
    "send": _send,
}
