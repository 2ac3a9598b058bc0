"""What every function has beside its code: a log group of its own and alarms on what CloudWatch really measures."""

from typing import Any

from chalicelib.emf import DIMENSIONS, NAMESPACE, SERVICE

Resources = dict[str, dict[str, Any]]

_RETENTION_DAYS = 30
_MINUTE_S = 60

# OffsetLag of a consumer, in records, above which it is behind for good.
_LAG = 10_000
_PULSES = 200  # a minute; a loop that keeps up has 300 and more
_OUTBOX = 5_000  # events; admission stops at `max_outbox`, which is 10,000 unless a sale says otherwise
_OUTBOX_AGE_MS = 30_000


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
        f"{function}ErrorsAlarm": _alarm(
            "a function ended in an error", "Errors", "AWS/Lambda", [name], threshold=1, periods=3
        ),
        f"{function}ThrottlesAlarm": _alarm(
            "Lambda refused to start a function", "Throttles", "AWS/Lambda", [name], threshold=1, periods=3
        ),
    }
    if consumes:
        # OffsetLag is what Lambda tells of Kafka (IteratorAge is for streams), by function: the worst of its mappings.
        found[f"{function}LagAlarm"] = _alarm(
            "records wait on Kafka", "OffsetLag", "AWS/Lambda", [name], threshold=_LAG, periods=5, statistic="Maximum"
        )
    return found


def loop_alarms() -> Resources:
    """Return the alarms on the scheduled loops and on what waits for them.

    Of a loop silence is the fault: no pulse, or too few. An idle stage has as many as a busy one (`chalicelib.pulse`).
    """
    slow = {
        f"{resource}PulseAlarm": _alarm(
            f"fewer than {_PULSES} good ticks a minute",
            "pulses",
            NAMESPACE,
            _ours(function),
            threshold=_PULSES,
            periods=3,
            below=True,
            missing="breaching",
        )
        for resource, function in (("Promote", "promote"), ("Relay", "relay"))
    }
    # Told by promote, for the relay may be what does not run; and in every run, so that silence is a fault here too.
    return slow | {
        f"{name}Alarm": _alarm(
            says,
            metric,
            NAMESPACE,
            _ours("promote"),
            threshold=threshold,
            periods=3,
            statistic="Maximum",
            missing="breaching",
        )
        for name, metric, threshold, says in (
            ("OutboxLength", "outbox", _OUTBOX, "events wait for Kafka"),
            ("OutboxAge", "outbox_age_ms", _OUTBOX_AGE_MS, "an event waits for Kafka for too long"),
        )
    }


def letter_alarms() -> Resources:
    """Return the alarm on dead letters that nobody has dealt with; it stays until the function tells another number."""
    letters = _ours("dead_letters")
    alarm = _alarm(
        "dead letters wait for an operator",
        "open",
        NAMESPACE,
        letters,
        threshold=1,
        periods=1,
        statistic="Maximum",
        missing="ignore",
    )
    return {"OpenLettersAlarm": alarm}


def api_alarms(stage: str) -> Resources:
    """Return the alarms on what buyers see: answers of 5xx, and slow ones."""
    api: list[dict[str, Any]] = [
        {"Name": "ApiName", "Value": {"Ref": "AWS::StackName"}},
        {"Name": "Stage", "Value": stage},
    ]
    slow = _alarm(
        "the slowest hundredth of the answers takes over a second",
        "Latency",
        "AWS/ApiGateway",
        api,
        threshold=1000,
        periods=3,
    )
    del slow["Properties"]["Statistic"]
    slow["Properties"]["ExtendedStatistic"] = "p99"
    return {
        "ApiFaultsAlarm": _alarm("the API answers 5xx", "5XXError", "AWS/ApiGateway", api, threshold=5, periods=2),
        "ApiSlowAlarm": slow,
    }


def _ours(function: str) -> list[dict[str, Any]]:
    """Return the dimensions of a function's own metrics; a stage is called as its stack."""
    values = {"service": SERVICE, "stage": {"Ref": "AWS::StackName"}, "function": function}
    return [{"Name": name, "Value": values[name]} for name in DIMENSIONS]


def _alarm(
    says: str,
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
            "AlarmDescription": says,
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
