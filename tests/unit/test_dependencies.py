"""No dependency that is not used: each package of pyproject.toml is imported or run by the code that it is for."""

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import distribution, packages_distributions, requires
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# Whose code a set of requirements is for. What "" needs, a buyer waits for.
CODE_OF = {
    "": ("app.py", "chalicelib"),
    "functions": ("functions",),
    "authorizer": ("chalicelib",),
    "local": ("ops",),
    "dev": ("tests",),
}
RUN_BY = ("Makefile", ".ci/run", "ops/setup.sh")
# Not imported by name: another package takes it up when the code, or what runs it, says this.
CHOSEN_BY = {"uvloop": "Loops.uvloop", "pytest-xdist": "--dist loadfile"}


def normal(name: str) -> str:
    """A distribution's name in the one spelling of all (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def modules() -> dict[str, set[str]]:
    """The top-level modules that each installed distribution brings."""
    found: dict[str, set[str]] = {}
    for module, names in packages_distributions().items():
        for name in names:
            found.setdefault(normal(name), set()).add(module)
    return found


def sources(places: Iterable[str]) -> Iterator[str]:
    """The Python files of some folders."""
    for place in places:
        path = ROOT / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            yield file.read_text(encoding="utf-8")


@cache
def imported(places: tuple[str, ...]) -> frozenset[str]:
    """Every module that some folders import, with all its parents: `a.b.c`, `a.b` and `a`."""
    names: set[str] = set()
    for source in sources(places):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(".".join(name.split(".")[:end]) for name in names for end in range(1, name.count(".") + 2))


def is_run(name: str, places: tuple[str, ...]) -> bool:
    """Whether a command of a distribution is run: by make and its scripts, or named by the code."""
    commands = {each.name for each in distribution(name).files or () if "/bin/" in str(each)}
    words = set(re.findall(r"[\w.-]+", " ".join((ROOT / each).read_text(encoding="utf-8") for each in RUN_BY)))
    return bool(commands & (words | literals(places)))


@cache
def literals(places: tuple[str, ...]) -> frozenset[str]:
    """Every text that the code of some folders spells out."""
    return frozenset(
        node.value
        for source in sources(places)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def is_used(name: str, places: tuple[str, ...]) -> bool:
    """Whether the code that a distribution is declared for has any use for it."""
    names = imported(places)
    if any(module in names for module in modules().get(name, ())):
        return True
    if name in CHOSEN_BY:
        told = [*sources(places), *((ROOT / each).read_text(encoding="utf-8") for each in RUN_BY)]
        return any(CHOSEN_BY[name] in text for text in told)
    stubs = {module.removesuffix("-stubs") for module in modules().get(name, ()) if module.endswith("-stubs")}
    if stubs:
        return bool(stubs & imported(("app.py", "chalicelib", "functions", "ops", "tests")))
    return name in builders() or is_run(name, places)


def builders() -> set[str]:
    """What builds the project."""
    return {normal(re.split(r"[^\w.-]", each)[0]) for each in PYPROJECT["build-system"]["requires"]}


def extras_of(requirement: str) -> tuple[str, list[str]]:
    """The name and the extras of `name[extra,extra]>=1`."""
    match = re.match(r"([\w.-]+)(?:\[([\w,. -]+)\])?", requirement)
    assert match
    return normal(match[1]), [normal(each.strip()) for each in (match[2] or "").split(",") if each.strip()]


def added_by(name: str, extra: str) -> set[str]:
    """The distributions that an extra of a distribution brings."""
    told = [each for each in requires(name) or () if re.search(rf"extra\s*==\s*[\"']{re.escape(extra)}[\"']", each)]
    return {normal(re.split(r"[^\w.-]", each)[0]) for each in told}


PROJECT: dict[str, Any] = PYPROJECT["project"]
DECLARED = [("", each) for each in PROJECT["dependencies"]] + [
    (extra, each) for extra, listed in PROJECT["optional-dependencies"].items() for each in listed
]


def test_every_set_of_requirements_says_whose_it_is() -> None:
    assert set(CODE_OF) == {"", *PROJECT["optional-dependencies"]}


@pytest.mark.parametrize(("extra", "requirement"), DECLARED, ids=lambda value: value or "HTTP")
def test_a_declared_package_is_used_by_the_code_it_is_declared_for(extra: str, requirement: str) -> None:
    name, _ = extras_of(requirement)
    places = CODE_OF[extra]
    assert is_used(name, places), f"{name} is not used by {' or '.join(places)}: remove it from pyproject.toml"


@pytest.mark.parametrize("requirement", sorted({each for _, each in DECLARED if "[" in each}))
def test_an_extra_of_a_package_is_used_too(requirement: str) -> None:
    name, extras = extras_of(requirement)
    everywhere = imported(("app.py", "chalicelib", "functions", "ops", "tests"))
    for extra in extras:
        own = {f"{module}.{extra}" for module in modules()[name]}
        brought = {module for each in added_by(name, extra) for module in modules().get(each, ())}
        assert (own | brought) & everywhere, f"nothing uses what {name}[{extra}] brings"


def test_nothing_is_declared_twice_and_every_exception_is_still_needed() -> None:
    names = [extras_of(requirement)[0] for _, requirement in DECLARED]
    assert len(set(names)) == len(names)
    assert set(CHOSEN_BY) <= set(names)


def test_a_package_that_nobody_uses_would_be_found() -> None:
    assert not is_used("flask", CODE_OF[""])
    assert not is_used("jmespath", CODE_OF["functions"])
    assert not is_used("hypothesis", CODE_OF["local"])
    assert is_used("pyjwt", ("chalicelib",))
    assert is_used("pyyaml", ("ops",))
