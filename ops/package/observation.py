"""What every function has beside its code: a log group of its own and alarms on what CloudWatch really measures."""

from typing import Any

Resources = dict[str, dict[str, Any]]

_RETENTION_DAYS = 30
_MINUTE_S = 60

# OffsetLag of a mapping, in records, above which a consumer is behind for good.
_LAG = 10_000


def log_group(function: str) -> dict[str, Any]:
    """Return the log group of a function; deleted with the stack, as the record is elsewhere."""
    return {
        "Type": "AWS::Logs::LogGroup",
        "Properties": {
            "LogGroupName": {"Fn::Sub": f"/onsale/${{AWS::StackName}}/{function}"},
            "RetentionInDays": _RETENTION_DAYS,
        },
    }


def alarms(function: str, *, consumes: bool) -> Resources:
    """Return the alarms of a function; a consumer's lag is alarmed too."""
    name: dict[str, Any] = {"Name": "FunctionName", "Value": {"Ref": function}}
    found = {
        f"{function}ErrorsAlarm": _alarm("Errors", "AWS/Lambda", [name], threshold=1, periods=3),
        f"{function}ThrottlesAlarm": _alarm("Throttles", "AWS/Lambda", [name], threshold=1, periods=3),
    }
    if consumes:
        # Kafka mappings report OffsetLag, not IteratorAge, which is for streams.
        found[f"{function}LagAlarm"] = _alarm(
            "OffsetLag", "AWS/Lambda", [name], threshold=_LAG, periods=5, statistic="Maximum"
        )
    return found


def pulse_alarms() -> Resources:
    """Return the alarms on the scheduled loops: silence of theirs is the fault."""
    return {
        f"{function}PulseAlarm": _alarm(
            "Invocations",
            "AWS/Lambda",
            [{"Name": "FunctionName", "Value": {"Ref": function}}],
            threshold=1,
            periods=3,
            below=True,
            missing="breaching",
        )
        for function in ("Promote", "Relay")
    }


def api_alarms(stage: str) -> Resources:
    """Return the alarms on what buyers see: answers of 5xx, and slow ones."""
    api: list[dict[str, Any]] = [
        {"Name": "ApiName", "Value": {"Ref": "AWS::StackName"}},
        {"Name": "Stage", "Value": stage},
    ]
    slow = _alarm("Latency", "AWS/ApiGateway", api, threshold=1000, periods=3)
    del slow["Properties"]["Statistic"]
    slow["Properties"]["ExtendedStatistic"] = "p99"
    return {
        "ApiFaultsAlarm": _alarm("5XXError", "AWS/ApiGateway", api, threshold=5, periods=2),
        "ApiSlowAlarm": slow,
    }


def _alarm(
    metric: str,
    namespace: str,
    dimensions: list[dict[str, Any]],
    *,
    threshold: float,
    periods: int,
    statistic: str = "Sum",
    below: bool = False,
    missing: str = "notBreaching",
) -> dict[str, Any]:
    actions = {"Fn::If": ["HasAlarmTopicArn", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "MetricName": metric,
            "Namespace": namespace,
            "Dimensions": dimensions,
            "Statistic": statistic,
            "Period": _MINUTE_S,
            "EvaluationPeriods": periods,
            "Threshold": threshold,
            "ComparisonOperator": "LessThanThreshold" if below else "GreaterThanOrEqualToThreshold",
            "TreatMissingData": missing,
            "AlarmActions": actions,
        },
    }
