"""Packages the functions for this machine's Python and deploys them to the emulator: `… emulated_functions`.

A step of `onsale up --functions emulator`, with the settings of the stack in its environment. It is safe to repeat:
what was packaged of the same sources is taken again, and what is deployed already stays as it is.
"""

import hashlib
import json
import os
import platform
import shutil
import sys
import time
from pathlib import Path

from chalicelib.config import settings
from chalicelib.errors import OnsaleError
from ops.local import health
from ops.local.aws_account import provision
from ops.local.emulated_stack import EmulatedStack, NotDeployed
from ops.local.home import Home
from ops.local.program import PROJECT
from ops.package import sources
from ops.package.target import Target

_ANSWERS_WITHIN_S = 60.0  # the first request unpacks and imports the function
_DECLARED = ("template.yaml", ".chalice/config.json", "infra/package/*.txt", "ops/package/*.py")


def main() -> None:
    """Package, deploy, and return when the API answers. Exits with the reason where it does not."""
    chosen = settings()
    try:
        dist = packaged(Home.of(chosen.home).data / "package")
        provision(os.environ)
        template = json.loads((dist / "template.json").read_text())
        zips = {path.name: path for path in dist.glob("*.zip")}
        done = EmulatedStack(chosen, os.environ).deploy(template, zips)
    except (OnsaleError, NotDeployed) as error:
        raise SystemExit(str(error)) from error
    give_up_s = time.monotonic() + _ANSWERS_WITHIN_S
    while not health.http_answers(chosen.url):
        if time.monotonic() > give_up_s:
            raise SystemExit(f"{done}, but {chosen.url}/health does not answer 200 within {_ANSWERS_WITHIN_S:g} s")
        time.sleep(0.1)


def packaged(folder: Path) -> Path:
    """Return the folder with the package of today's sources, which is built if it is not there."""
    target = Target(f"3.{sys.version_info.minor}", "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64")
    made_of = _digest(PROJECT, target)
    dist = folder / made_of
    if not dist.is_dir():  # it is put there as a whole, when it is done
        from ops.package.build import build  # Chalice and SAM: seconds, that a second `up` need not wait for

        folder.mkdir(parents=True, exist_ok=True)
        build(PROJECT, target, dist)
        for older in folder.iterdir():
            if older != dist:
                shutil.rmtree(older)
    return dist


def _digest(root: Path, target: Target) -> str:
    files = {**sources.api(root), **sources.consumers(root), **sources.authorizer(root)}
    for pattern in _DECLARED:
        files |= {path.relative_to(root).as_posix(): path.read_bytes() for path in root.glob(pattern)}
    said = hashlib.sha256(repr(target).encode())
    for name in sorted(files):
        said.update(hashlib.sha256(name.encode() + b"\0" + files[name]).digest())
    return said.hexdigest()[:16]


if __name__ == "__main__":
    main()
