"""What is deployed, built for tests: once for each target and run, by whichever worker asks first."""

import fcntl
import json
import os
import platform
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from ops.package.build import build
from ops.package.target import Target

Document = dict[str, Any]

ROOT = Path(__file__).resolve().parents[1]
ARM, X86 = Target("3.13", "arm64"), Target("3.13", "x86_64")
HERE = Target(f"3.{sys.version_info.minor}", "arm64" if platform.machine() == "aarch64" else "x86_64")
ZIPS = ("api.zip", "authorizer.zip", "consumers.zip")
CONSUMERS = {"Persist", "DeadLetters", "Notify", "Statistics"}
SCHEDULED = {"Promote", "Relay"}
FUNCTIONS = {"APIHandler", "JwtAuth", "Operate"} | CONSUMERS | SCHEDULED


@dataclass(frozen=True)
class Package:
    """One build: its files, opened."""

    target: Target
    folder: Path

    @cached_property
    def template(self) -> Document:
        """The template as it is deployed."""
        document: Document = json.loads((self.folder / "template.json").read_text())
        return document

    @cached_property
    def transformed(self) -> Document:
        """The template once SAM's transform is through, offline."""
        document = json.loads((self.folder / "template.json").read_text())
        for resource in document["Resources"].values():
            if "CodeUri" in resource.get("Properties", {}):
                resource["Properties"]["CodeUri"] = f"s3://bucket/{resource['Properties']['CodeUri']}"
        return transform(document)

    @property
    def functions(self) -> dict[str, Document]:
        """The properties of all functions by their resource's name."""
        return {name: each["Properties"] for name, each in of_type(self.template, "AWS::Serverless::Function").items()}

    def names(self, zip_name: str) -> set[str]:
        """Return the names of the files in a zip."""
        with zipfile.ZipFile(self.folder / zip_name) as archive:
            return set(archive.namelist())

    def unpack(self, zip_name: str, folder: Path) -> Path:
        """Unpack a zip into a folder of its own, once."""
        into = folder / zip_name
        if not into.exists():
            with zipfile.ZipFile(self.folder / zip_name) as archive:
                archive.extractall(into)
        return into


def of_type(document: Document, kind: str) -> dict[str, Document]:
    """Return the resources of a type by name."""
    return {name: each for name, each in document["Resources"].items() if each["Type"] == kind}


def body(package: Package) -> Document:
    """Return the document of the packaged API."""
    found: Document = package.template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    return found


def methods(package: Package) -> Iterator[tuple[str, str, Document]]:
    """Yield path, method and what the document says of it, preflights left out."""
    for path, of_path in body(package)["paths"].items():
        for name, method in of_path.items():
            if name != "options":
                yield path, name.upper(), method


def transform(document: Document) -> Document:
    """Return a template as CloudFormation sees it; SAM asks for a region, and for nothing of the network."""
    with mock.patch.dict(os.environ, {"AWS_DEFAULT_REGION": "eu-central-1"}):
        from samtranslator.translator.transform import transform as by_sam

        done: Document = by_sam(document, {}, mock.Mock(load=dict))
    return done


def built(target: Target, factory: pytest.TempPathFactory) -> Package:
    """Return the package for a target; workers share it, and a build that was cut short is none."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / f"package-{target.runtime}-{target.arch}"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            unfinished = folder.with_suffix(".unfinished")
            build(ROOT, target, unfinished)
            unfinished.rename(folder)
    return Package(target, folder)
