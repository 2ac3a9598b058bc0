"""Imports go one way: a module knows only what is below it."""

import ast
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
FOLDERS = ("chalicelib", "functions", "ops")
# Modules whose names start so, and the beginnings that they may not import. The longest that fits holds as well.
FORBIDDEN = {
    "": ("tests",),
    "chalicelib": ("app", "functions", "ops", "confluent_kafka", "pymysql", "boto3", "click"),
    "chalicelib.errors": ("chalicelib",),
    "chalicelib.config": ("chalicelib.sale", "chalicelib.api", "chalicelib.events", "chalicelib.wiring"),
    "chalicelib.events": ("chalicelib.api", "chalicelib.wiring", "chalicelib.sale.store", "redis"),
    "chalicelib.sale": ("chalicelib.api", "chalicelib.wiring", "chalicelib.config", "chalice"),
    "chalicelib.sale.model": ("chalicelib", "redis"),
    "chalicelib.sale.keys": ("chalicelib", "redis"),
    "chalicelib.wiring": ("chalicelib.api", "chalice"),
    "chalicelib.promotion": ("chalicelib.api", "chalice"),
    "chalicelib.api": ("redis", "chalicelib.sale.store", "chalicelib.sale.redis_link", "chalicelib.sale.scripts"),
    "functions": ("app", "chalicelib.api", "ops", "chalice"),
}


# The one module of the library that speaks to AWS, and not before it has to: tests/contract/test_http_imports.py.
SPARED = {"chalicelib.secrets": {"boto3"}}


def module_of(path: Path) -> str:
    """The dotted name of a file."""
    return ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for folder in FOLDERS for path in sorted((PROJECT / folder).rglob("*.py"))}
MODULES["app"] = PROJECT / "app.py"


def imported(source: str) -> set[str]:
    """Every module that a piece of source imports, functions' own imports included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the direction"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def within(name: str, package: str) -> bool:
    """Whether a module is a package or in it."""
    return not package or name == package or name.startswith(package + ".")


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_nothing_from_above(module: str) -> None:
    above = {bad for package, names in FORBIDDEN.items() if within(module, package) for bad in names}
    names = imported(MODULES[module].read_text(encoding="utf-8"))
    above -= SPARED.get(module, set())
    assert {name for name in names for bad in above if within(name, bad)} == set()


def test_the_environment_is_read_by_the_settings_alone() -> None:
    readers = {
        module
        for module, path in MODULES.items()
        if within(module, "chalicelib") and {"os.environ", "os.getenv"} & _attributes(path)
    }
    assert readers == {"chalicelib.config"}


def _attributes(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def test_an_import_from_above_would_be_seen() -> None:
    assert imported("def f():\n    from ops.local import redis\n") == {"ops.local.redis"}
    assert within("ops.local.redis", "ops")
    assert not within("opsy", "ops")
