"""What docker-compose.yml must keep, as functions from the document to the list of what is wrong with it."""

import os
import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from chalicelib.config import Settings
from functions import mysql as mysql_link
from functions import topic_settings
from ops.local import addresses, aws, kafka, mysql, preparation, prometheus, redis

PROJECT = Path(__file__).resolve().parents[2]
Document = dict[str, Any]
Rule = Callable[[Document], list[str]]

SERVICE_OF = {"redis": "redis", "mysql": "mysql", "kafka": "kafka", "aws": "localstack"}
_ONCE = "kafka-topics"
# Images whose Dockerfile ends as another user than root. LocalStack's does not, and cannot be told to.
_NOT_ROOT = ("apache/kafka:", "prom/prometheus:", "grafana/grafana:")
_ROOT = ("localstack",)
_TAG = re.compile(r"^[a-z]+(?:/[a-z]+)?:(?:\$\{\w+:-)?v?\d+\.\d+\.\d+(?:-[a-z0-9]+)?\}?$")
# Where a server lies on a machine is not the same in a container; everything else is.
_PLACED = {
    "redis": {"bind", "port", "dir", "set-proc-title", "unixsocket", "unixsocketperm"},
    "kafka": {
        *("cluster.id", "controller.quorum.voters", "listeners", "advertised.listeners", "log.dirs"),
        *("listener.security.protocol.map", "inter.broker.listener.name"),
    },
    "mysql": {
        *("--no-defaults", "--datadir", "--socket", "--pid-file", "--port", "--bind-address", "--init-file"),
        *("--innodb-log-file-size", "--mysqlx", "--user", "--slow-query-log-file"),
    },
}


def ports_are_those_of_the_local_stack(document: Document) -> list[str]:
    wrong = []
    for name, service in SERVICE_OF.items():
        own = addresses.DEFAULT_PORTS[name]
        wanted = [f"127.0.0.1:${{{addresses.PORT_OF[name]}:-{own}}}:{own}"]
        if document["services"][service].get("ports") != wanted:
            wrong.append(f"{service}: ports are not {wanted}")
    return wrong


def nothing_listens_off_loopback(document: Document) -> list[str]:
    wrong = []
    for name, service in document["services"].items():
        wrong += [f"{name}: {port}" for port in service.get("ports", []) if not port.startswith("127.0.0.1:")]
        if service.get("network_mode") == "host":
            told = [*service.get("command", []), service["environment"].get("GF_SERVER_HTTP_ADDR", "")]
            if not any(re.fullmatch(r"127\.0\.0\.1|--web\.listen-address=127\.0\.0\.1:.*", each) for each in told):
                wrong.append(f"{name}: is on the host's network and is not told to listen on 127.0.0.1")
    return wrong


def images_are_pinned(document: Document) -> list[str]:
    return [f"{name}: {each['image']}" for name, each in document["services"].items() if not _TAG.match(each["image"])]


def versions_are_those_of_the_local_stack(document: Document) -> list[str]:
    pom = (PROJECT / "infra" / "kafka" / "pom.xml").read_text()
    of_kafka = re.search(r"kafka_2\.13</artifactId>\s*<version>([^<]+)", pom)
    wanted = {
        "kafka": f"apache/kafka:{of_kafka and of_kafka[1]}",
        _ONCE: f"apache/kafka:{of_kafka and of_kafka[1]}",
        "mysql": "mysql:8.4.",
        "localstack": "localstack/localstack:${LOCALSTACK_TAG:-4.14.0}",
    }
    images = {name: document["services"][name]["image"] for name in wanted}
    return [f"{name}: {images[name]} is not {start}" for name, start in wanted.items() if start not in images[name]]


def each_service_says_when_it_is_healthy(document: Document) -> list[str]:
    wrong = []
    for name, service in document["services"].items():
        check = service.get("healthcheck", {})
        if name == _ONCE:
            fit = service.get("restart") == "no" and check == {"disable": True}
        else:
            fit = service.get("restart") == "unless-stopped" and {"test", "interval", "timeout"} <= set(check)
        wrong += [] if fit else [f"{name}: has no fitting health check"]
    return wrong


def data_lie_in_named_volumes(document: Document) -> list[str]:
    wrong, declared = [], set(document["volumes"])
    for name, service in document["services"].items():
        sources = [volume.split(":")[0] for volume in service.get("volumes", [])]
        if name != _ONCE and name not in sources:
            wrong.append(f"{name}: keeps no data in a volume of its own")
        for source, volume in zip(sources, service.get("volumes", []), strict=True):
            if source.startswith("./infra/"):
                if not (PROJECT / source).exists() or not volume.endswith(":ro"):
                    wrong.append(f"{name}: {volume} is not there, or may be written to")
            elif source not in declared:
                wrong.append(f"{name}: {volume} is no declared volume")
    return wrong


def nobody_is_root_who_need_not_be(document: Document) -> list[str]:
    wrong = []
    for name, service in document["services"].items():
        plain = name in _ROOT or service.get("user", "root") not in ("root", "0")
        wrong += [] if plain or service["image"].startswith(_NOT_ROOT) else [f"{name}: runs as root"]
        if "no-new-privileges:true" not in service.get("security_opt", []):
            wrong.append(f"{name}: may gain privileges")
    return wrong


def _differences(name: str, local: Mapping[str, str], here: Mapping[str, str]) -> list[str]:
    every = sorted({*local, *here} - _PLACED[name])
    return [
        f"{name}: {key} is {here.get(key)}, locally {local.get(key)}"
        for key in every
        if local.get(key) != here.get(key)
    ]


def redis_has_the_local_settings(document: Document) -> list[str]:
    def pairs(words: list[str]) -> dict[str, str]:
        return {name.removeprefix("--"): value for name, value in zip(words[1::2], words[2::2], strict=True)}

    local = pairs(list(redis.program(Path("data"), Path("run"), 1).command))
    return _differences("redis", local, pairs(document["services"]["redis"]["command"]))


def kafka_has_the_local_settings(document: Document) -> list[str]:
    local, local_command = _of_the_local_broker()
    given = dict(document["services"]["kafka"]["environment"])
    heap = given.pop("KAFKA_HEAP_OPTS", "")
    here = {name.removeprefix("KAFKA_").lower().replace("_", "."): value for name, value in given.items()}
    wrong = [] if heap in local_command else [f"kafka: heap {heap} is not the local one"]
    return wrong + _differences("kafka", local, here)


def _of_the_local_broker() -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the properties that the local broker is started with, and its command."""
    with tempfile.TemporaryDirectory(prefix="onsale-") as name:
        data, run = Path(name) / "data", Path(name) / "run"
        data.mkdir()
        (data / "meta.properties").touch()  # a folder that needs no formatting: nothing is run
        program = kafka.program(data, run, 1, 2)
        program.prepare({})
        lines = (run / "kafka.properties").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines), program.command


def mysql_has_the_local_settings(document: Document) -> list[str]:
    def pairs(words: list[str]) -> dict[str, str]:
        return {name: value for name, _, value in (word.partition("=") for word in words)}

    service = document["services"]["mysql"]
    local = pairs(list(mysql.program(Path("data"), Path("run"), 1, "").command[1:]))
    named = service["environment"]["MYSQL_USER"], service["environment"]["MYSQL_DATABASE"]
    wrong = [] if named == (mysql.USER, mysql.DATABASE) else [f"mysql: user and database are {named}"]
    return wrong + _differences("mysql", local, pairs(service["command"]))


def the_schema_is_that_of_migrate(document: Document) -> list[str]:
    mount = f"./{mysql_link.MIGRATIONS.relative_to(PROJECT)}:/docker-entrypoint-initdb.d:ro"
    return [] if mount in document["services"]["mysql"]["volumes"] else [f"mysql: does not mount {mount}"]


def topics_are_those_of_the_code(document: Document) -> list[str]:
    script = document["services"][_ONCE]["command"][0].replace("\\\n", " ")
    shared = re.search(r"--create --if-not-exists +(.*?)\"\$\$@\"", script)
    made = {}
    for line in re.findall(r"^make (.*)$", script, re.MULTILINE):
        words = f"{line} {shared[1] if shared else ''}".split()
        options = [*zip(words[::2], words[1::2], strict=True)]
        plain = dict(pair for pair in options if pair[0] != "--config")
        config = dict(value.split("=", 1) for name, value in options if name == "--config")
        made[plain["--topic"]] = (int(plain["--partitions"]), int(plain["--replication-factor"]), config)
    wanted = topics_of_the_code()
    return [f"{name}: {made.get(name)}, in the code {wanted.get(name)}" for name in {*made, *wanted} if
            made.get(name) != wanted.get(name)]  # fmt: skip


def topics_of_the_code() -> dict[str, tuple[int, int, dict[str, str]]]:
    """Return what `onsale up` makes on its one broker."""
    made = topic_settings.wanted_topics(Settings(), 1, preparation.PARTITIONS, 1)
    return {each.name: (each.partitions, each.replication, dict(each.config)) for each in made}


def localstack_makes_the_topic_and_the_sender(document: Document) -> list[str]:
    mounts = document["services"]["localstack"]["volumes"]
    path = next((each.split(":")[0] for each in mounts if "/init/ready.d/" in each), None)
    if path is None:
        return ["localstack: makes neither topic nor sender"]
    script = (PROJECT / path).read_text()
    if not os.access(PROJECT / path, os.X_OK):  # LocalStack calls it as a program
        return [f"localstack: {path} is not executable"]
    wanted = (f"--region {aws.REGION} --name {aws.TOPIC}\n", f'--email-address "{aws.settings(1)["SES_FROM"]}"')
    wrong = [f"localstack: {path} has no {each.strip()}" for each in wanted if each not in script]
    names = document["services"]["localstack"]["environment"]["SERVICES"].split(",")
    return wrong + [
        f"localstack: offers no {each}" for each in ("sns", "ses", "secretsmanager", "ssm") if each not in names
    ]


def prometheus_reads_what_is_written_for_it(document: Document) -> list[str]:
    service, wrong = document["services"]["prometheus"], []
    laid = {each["source"]: each["target"] for each in service["configs"]}
    laid |= {source: target for source, target, _ in (each.split(":") for each in service["volumes"][1:])}
    # As `onsale up --observe` lays them: what the configuration names lies beside it.
    wanted = {f"./infra/prometheus/{name}": f"/etc/prometheus/{name}" for name in prometheus.FILES}
    wanted["metrics-target"] = f"/etc/prometheus/{prometheus.TARGET}"
    wrong += [
        f"prometheus: {source} is not at {target}" for source, target in wanted.items() if laid.get(source) != target
    ]
    if "${ONSALE_METRICS_PORT:-" not in document["configs"]["metrics-target"]["content"]:
        wrong.append("prometheus: the target is not ONSALE_METRICS_PORT")
    source = (PROJECT / "infra/grafana/provisioning/datasources/prometheus.yml").read_text()
    if "http://127.0.0.1:$ONSALE_PROMETHEUS_PORT" not in source:
        wrong.append("grafana: asks another Prometheus")
    wrong += _dashboards_that_grafana_lacks(document["services"]["grafana"])
    ports = {
        document["services"][name]["environment"].get("ONSALE_PROMETHEUS_PORT") for name in ("prometheus", "grafana")
    }
    return wrong if ports == {"${ONSALE_PROMETHEUS_PORT:-9090}"} else [*wrong, "grafana: another port of Prometheus"]


def _dashboards_that_grafana_lacks(service: Document) -> list[str]:
    provider = (PROJECT / "infra/grafana/provisioning/dashboards/onsale.yml").read_text()
    folder = re.search(r"^ +path: (/\S+)$", provider, re.MULTILINE)
    home = service["environment"].get("GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH", "")
    wrong = []
    if folder is None or f"./infra/grafana/dashboards:{folder[1]}:ro" not in service["volumes"]:
        wrong.append("grafana: the dashboards are not where it looks for them")
    elif not (PROJECT / "infra/grafana/dashboards" / home.removeprefix(f"{folder[1]}/")).is_file():
        wrong.append(f"grafana: begins with {home}, which is none of the dashboards")
    return wrong


RULES: tuple[Rule, ...] = (
    ports_are_those_of_the_local_stack,
    nothing_listens_off_loopback,
    images_are_pinned,
    versions_are_those_of_the_local_stack,
    each_service_says_when_it_is_healthy,
    data_lie_in_named_volumes,
    nobody_is_root_who_need_not_be,
    redis_has_the_local_settings,
    kafka_has_the_local_settings,
    mysql_has_the_local_settings,
    the_schema_is_that_of_migrate,
    topics_are_those_of_the_code,
    localstack_makes_the_topic_and_the_sender,
    prometheus_reads_what_is_written_for_it,
)
