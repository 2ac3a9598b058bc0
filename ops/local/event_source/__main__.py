"""Serve a function from its Kafka topic: `python -m ops.local.event_source LOGICAL_ID`. SIGTERM ends it cleanly."""

import argparse
import logging
import signal
import sys
from pathlib import Path

from chalicelib.config import Settings, settings
from chalicelib.errors import BadSetting
from functions.kafka_client import client_config
from ops.local.event_source.function import Function
from ops.local.event_source.mapping import read_mapping
from ops.local.event_source.poller import Poller
from ops.local.event_source.template import BadTemplate, Template
from ops.local.readiness import announce


def main(words: list[str] | None = None) -> int:
    """Poll until told to stop. Returns 0, or 2 when the template or a setting is not usable."""
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
    except (BadTemplate, BadSetting) as error:
        logging.error("%s", error)
        return 2
    poller = Poller(mapping, Function.load(spec), config, announce)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: poller.stop())
    poller.run()
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ops.local.event_source", description=__doc__)
    parser.add_argument("function", help="logical id of the function in the template")
    parser.add_argument("--event", default="", help="which of its Kafka events, where it has several")
    parser.add_argument("--template", type=Path, default=Path("template.yaml"), help="default: template.yaml")
    parser.add_argument("--stack-name", default="onsale", help="value of AWS::StackName; default: onsale")
    parser.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE", help="a template parameter")
    return parser


def _parameters(chosen: Settings) -> dict[str, str]:
    """Return the template's parameters that settings give: KafkaTopic is KAFKA_TOPIC."""
    texts = {name: getattr(chosen, name) for name in chosen.__slots__}
    return {
        "".join(word.capitalize() for word in name.split("_")): str(value) for name, value in texts.items() if value
    }


if __name__ == "__main__":
    sys.exit(main())
