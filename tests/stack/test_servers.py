"""The servers that the stack and the tests start: do they serve, and with the promised settings?"""

import socket
import threading

import redis

from ops.local import addresses, health, ports
from ops.local.home import State
from ops.local.kafka import new_cluster_id


def test_redis_never_evicts_and_keeps_an_append_only_file(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("appendfsync") == {"appendfsync": "everysec"}
        assert client.config_get("bind") == {"bind": "127.0.0.1"}


def test_the_cluster_node_serves_every_slot(redis_cluster_url: str) -> None:
    with redis.Redis.from_url(redis_cluster_url, decode_responses=True) as client:
        client.set("anything", "1")
        assert client.execute_command("CLUSTER INFO")["cluster_slots_ok"] == "16384"


def test_kafka_answers_and_creates_no_topic_by_itself(kafka: str) -> None:
    from confluent_kafka import KafkaError
    from confluent_kafka.admin import AdminClient

    assert health.kafka_answers({"bootstrap.servers": kafka})
    client = AdminClient({"bootstrap.servers": kafka})
    topic = client.list_topics("never-made", timeout=10).topics["never-made"]
    assert topic.error is not None
    assert topic.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_no_cluster_id_looks_like_an_option() -> None:
    assert not [each for each in (new_cluster_id() for _ in range(1_000)) if each.startswith("-")]


def test_a_port_that_this_stack_had_is_waited_for_while_its_last_owner_dies() -> None:
    with socket.socket() as dying:
        dying.bind((ports.HOST, 0))
        dying.listen()
        port: int = dying.getsockname()[1]
        threading.Timer(0.2, dying.close).start()
        state = State(ports={"gateway": port})
        chosen = addresses.choose_ports(["gateway"], {"ONSALE_PORT": str(port)}, state, {}, lambda _: None)
    assert chosen == {"gateway": port}
