"""Runs `chalice package` on a folder of its own, offline, and returns what it says: its zip and its template."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from chalicelib.errors import OnsaleError
from ops.package import archive

STAGE = "prod"


def package(
    root: Path, build: Path, files: Mapping[str, bytes], wheels: Path, merge: Mapping[str, Any]
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Return the files of Chalice's zip and its template merged with `merge`, as a document of plain intrinsics.

    Chalice would resolve requirements for this machine's Python, so it gets none: the target's wheels go in as
    `vendor`, which it copies as they are.
    """
    for name, content in files.items():
        path = build / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (build / ".chalice").mkdir()
    shutil.copy(root / ".chalice" / "config.json", build / ".chalice" / "config.json")
    (build / "requirements.txt").touch()
    shutil.copytree(wheels, build / "vendor")
    (build / "merge.json").write_text(json.dumps(merge))
    _run(build)
    document: dict[str, Any] = yaml_parse((build / "out" / "sam.json").read_text())
    return archive.read(build / "out" / "deployment.zip"), document


def _run(build: Path) -> None:
    words = [
        str(Path(sys.executable).with_name("chalice")),
        "package",
        "--stage",
        STAGE,
        "--merge-template",
        "merge.json",
        "out",
    ]
    env = {
        **os.environ,
        "AWS_DEFAULT_REGION": os.environ.get("AWS_DEFAULT_REGION", "us-east-1"),  # it asks for one
        "PYTHONDONTWRITEBYTECODE": "1",  # it imports the app where it then zips all that it finds
    }
    done = subprocess.run(words, cwd=build, env=env, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode or not (build / "out" / "sam.json").is_file():
        raise OnsaleError("package-failed", f"chalice package failed: {done.stdout}{done.stderr}".strip())
