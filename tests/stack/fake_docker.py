"""A `docker` for tests: it notes every call, can fail in every way, and its "container" of Redis is a real server.

Put on PATH as a program; FAKE_DOCKER_DIR is where its notes and its servers' data lie, FAKE_DOCKER how it fails.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path(os.environ["FAKE_DOCKER_DIR"])
FAULT = os.environ.get("FAKE_DOCKER", "")
TAKEN = ("ONSALE_REDIS_PORT", "ONSALE_MYSQL_PORT", "ONSALE_KAFKA_PORT", "ONSALE_AWS_PORT", "ONSALE_MYSQL_PASSWORD")


def main(words: list[str]) -> int:
    with (FOLDER / "calls.jsonl").open("a") as notes:
        env = {name: os.environ[name] for name in TAKEN if name in os.environ}
        notes.write(json.dumps({"words": words, "env": env}) + "\n")
    if words[0] == "version":
        return engine()
    if words == ["compose", "version"]:
        return fail("docker: 'compose' is not a docker command.") if FAULT == "no compose" else 0
    action, *rest = words[words.index("--file") + 2 :]
    return {"up": up, "ps": ps, "stop": stop, "down": stop}[action](rest)


def fail(message: str) -> int:
    sys.stderr.write(f"{message}\n")
    return 1


def engine() -> int:
    if FAULT == "engine hangs":
        time.sleep(60)
    if FAULT == "no engine":
        return fail("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.")
    sys.stdout.write("28.2.2\n")
    return 0


def up(words: list[str]) -> int:
    if FAULT == "pull takes long":
        time.sleep(60)
    services = [word for word in words if word in ("redis", "mysql", "kafka", "localstack")]
    for service in services:
        (FOLDER / f"{service}.running").touch()
    if "redis" in services and not alive():
        port = os.environ["ONSALE_REDIS_PORT"]
        options = ["--bind", "127.0.0.1", "--port", port, "--dir", str(FOLDER), "--appendonly", "yes"]
        server = subprocess.Popen(
            ["redis-server", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        (FOLDER / "redis.pid").write_text(str(server.pid))
        # Healthy when it answers: as `up --wait` does.
        while subprocess.run(["redis-cli", "-p", port, "ping"], capture_output=True, check=False).stdout != b"PONG\n":
            time.sleep(0.02)
    return fail("container mysql-1 is unhealthy") if FAULT == "unhealthy" else 0


def alive() -> bool:
    try:
        pid = (FOLDER / "redis.pid").read_text()
        # A zombie has ended; whoever adopted it may be slow to reap it.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def ps(_: list[str]) -> int:
    sys.stdout.writelines(f"{path.stem}\n" for path in FOLDER.glob("*.running"))
    return 0


def stop(words: list[str]) -> int:
    if FAULT == "no stop":
        return fail("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.")
    services = [word for word in words if not word.startswith("-")]
    for path in FOLDER.glob("*.running"):
        if not services or path.stem in services:
            path.unlink()
            if path.stem == "redis" and alive():
                os.kill(int((FOLDER / "redis.pid").read_text()), signal.SIGTERM)
                while alive():
                    time.sleep(0.02)
    if "--volumes" in words:
        for path in FOLDER.glob("appendonlydir/*"):
            path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
