"""Serve a function from its Kafka topic: `python -m ops.local.event_source LOGICAL_ID`. SIGTERM ends it cleanly.

The one module here that knows onsale: the template's parameters, the brokers and the number of pollers come from its
settings.
"""

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from chalicelib.config import Settings, settings
from chalicelib.errors import BadSetting, SecretUnavailable
from functions.kafka_client import client_config
from ops.local.event_source.child_function import ChildFunction
from ops.local.event_source.failure_topic import FailureTopic
from ops.local.event_source.function_spec import LONGEST_TIMEOUT_FOR_KAFKA_S, FunctionSpec, read_mapping
from ops.local.event_source.invocation import FunctionFailed, InvokedFunction, NotInvoked
from ops.local.event_source.mapping import EventSourceMapping
from ops.local.event_source.poller import Poller
from ops.local.event_source.pollers import USAGE, Pollers, how_many
from ops.local.event_source.template import BadTemplate, Template
from ops.local.readiness import announce

_ADMIN_TIMEOUT_S = 10.0
_log = logging.getLogger("ops.local.event_source")


def main(words: list[str] | None = None) -> int:
    """Poll until told to stop. Returns 0, or 2 when the template, the function or a setting is not usable."""
    options = _options().parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        chosen = settings()
        parameters = _parameters(chosen) | dict(each.split("=", 1) for each in options.parameter)
        template = Template(options.template, parameters, options.stack_name)
        spec, mapping = read_mapping(template, options.function, options.event)
        config = client_config(chosen)
        config["bootstrap.servers"] = chosen.kafka_bootstrap_servers or mapping.bootstrap_servers
        if not config["bootstrap.servers"]:
            raise BadTemplate("no brokers: set KAFKA_BOOTSTRAP_SERVERS")
        if not options.one_poller:
            _tell(spec, mapping)
        if not mapping.enabled:
            return _stand_by(mapping)
        pollers = 1 if options.one_poller else _how_many(mapping, chosen, config)
        if pollers > 1:
            return _together(
                Pollers((sys.executable, "-m", "ops.local.event_source", "--one-poller", *_words(words)), pollers)
            )
        return _alone(options, spec, mapping, config)
    except (BadTemplate, BadSetting, SecretUnavailable) as error:
        _log.error("%s", error)
        return USAGE


def _alone(
    options: argparse.Namespace,
    spec: FunctionSpec,
    mapping: EventSourceMapping,
    config: dict[str, str | int | float | bool],
) -> int:
    poller = Poller(
        mapping,
        _function(options, spec),
        config,
        function_name=options.function_name or spec.logical_id,
        timeout_s=spec.timeout_s,
        destination=FailureTopic(config, mapping.failure_topic) if mapping.failure_topic else None,
        ready=announce,
    )
    _when_told(poller.stop)
    poller.run()
    return 0


def _function(options: argparse.Namespace, spec: FunctionSpec) -> InvokedFunction:
    """Return the function that the options ask for, its handler imported. Raises BadTemplate."""
    if options.invoke_endpoint:
        from ops.local.event_source.remote_function import RemoteFunction  # boto3 takes long, and few ask for it

        return RemoteFunction(options.invoke_endpoint, options.function_name or spec.logical_id, spec.timeout_s)
    where = f"{options.template}: {spec.logical_id}"
    if not spec.handler or (spec.runtime and not spec.runtime.startswith("python")):
        raise BadTemplate(f"{where}: only Python handlers run here; --invoke-endpoint calls a function elsewhere")
    if not spec.code_folder.is_dir():
        raise BadTemplate(f"{where}: CodeUri {spec.code_folder} is no folder")
    function = ChildFunction(spec)
    try:
        function.start()
    except (FunctionFailed, NotInvoked) as error:
        function.close()
        raise BadTemplate(f"{where}: Handler {spec.handler} cannot be used: {error}") from error
    return function


def _tell(spec: FunctionSpec, mapping: EventSourceMapping) -> None:
    """Say once what differs from a deployment."""
    for notice in mapping.notices:
        _log.warning("%s", notice)
    if spec.timeout_s > LONGEST_TIMEOUT_FOR_KAFKA_S:
        _log.warning(
            "%s: Timeout is %g s; behind Kafka, Lambda supports %d s",
            spec.logical_id,
            spec.timeout_s,
            LONGEST_TIMEOUT_FOR_KAFKA_S,
        )


def _stand_by(mapping: EventSourceMapping) -> int:
    """Do nothing until told to stop: a disabled mapping is part of a stack that runs."""
    _log.warning("%s is not Enabled: nothing is polled", mapping.name)
    stopped = threading.Event()
    _when_told(stopped.set)
    announce()
    while not stopped.wait(1.0):  # in short pieces, so that a signal is handled
        pass
    return 0


def _together(pollers: Pollers) -> int:
    _when_told(pollers.stop)
    return pollers.run()


def _how_many(mapping: EventSourceMapping, chosen: Settings, config: dict[str, str | int | float | bool]) -> int:
    if chosen.pollers == 1:
        return how_many(mapping, 1, 1)
    try:
        topic = AdminClient(config).list_topics(mapping.topic, timeout=_ADMIN_TIMEOUT_S).topics[mapping.topic]
    except KafkaException as error:
        _log.warning("the partitions of %s are not known, one poller starts: %s", mapping.topic, error)
        return 1
    return how_many(mapping, chosen.pollers, len(topic.partitions))


def _when_told(stop: Callable[[], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop())


def _words(words: list[str] | None) -> list[str]:
    return sys.argv[1:] if words is None else words


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ops.local.event_source", description="Serve a function from Kafka."
    )
    parser.add_argument("function", help="logical id of the function in the template")
    parser.add_argument("--event", default="", help="which of its Kafka events, where it has several")
    parser.add_argument("--template", type=Path, default=Path("template.yaml"), help="default: template.yaml")
    parser.add_argument("--stack-name", default="onsale", help="value of AWS::StackName; default: onsale")
    parser.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE", help="a template parameter")
    parser.add_argument("--invoke-endpoint", default="", metavar="URL", help="call the function there, by Lambda's API")
    parser.add_argument("--function-name", default="", help="its name there; default: the logical id")
    parser.add_argument("--one-poller", action="store_true", help=argparse.SUPPRESS)
    return parser


def _parameters(chosen: Settings) -> dict[str, str]:
    """Return the template's parameters that settings give: KafkaTopic is KAFKA_TOPIC."""
    texts = {each.name: getattr(chosen, each.name) for each in fields(chosen)}
    return {
        "".join(word.capitalize() for word in name.split("_")): str(value) for name, value in texts.items() if value
    }


if __name__ == "__main__":
    sys.exit(main())
