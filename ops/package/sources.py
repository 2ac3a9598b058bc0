"""Which of the project's files go into which zip."""

import ast
from pathlib import Path

import chalice

from ops.package import archive

Files = dict[str, bytes]

MYSQL_CA = "infra/package/mysql-ca.pem"  # the operator's, where there is one
_API_MODULES = "chalicelib/api/"
_AUTHORIZER = "chalicelib.authorizer"


def api(root: Path) -> Files:
    """Return what Chalice packages: the app and its library."""
    return {"app.py": (root / "app.py").read_bytes(), **archive.files_below(root / "chalicelib", "chalicelib/")}


def consumers(root: Path) -> Files:
    """Return what relay, the Kafka functions and `operate` need: no HTTP, and the schema that `migrate` applies."""
    library = archive.files_below(root / "chalicelib", "chalicelib/")
    return {
        **{name: content for name, content in library.items() if not name.startswith(_API_MODULES)},
        **archive.files_below(root / "functions", "functions/"),
        **archive.files_below(root / "infra" / "mysql", "infra/mysql/"),
        **({MYSQL_CA: (root / MYSQL_CA).read_bytes()} if (root / MYSQL_CA).is_file() else {}),
    }


def authorizer(root: Path) -> Files:
    """Return the authorizer's module with all that it imports of ours, and the part of Chalice that calls it."""
    modules = _closure(root, _AUTHORIZER)
    files = {name: (root / name).read_bytes() for name in modules}
    runtime = Path(chalice.__file__).parent
    return files | {f"chalice/{name}": (runtime / name).read_bytes() for name in ("__init__.py", "app.py")}


def _closure(root: Path, module: str) -> set[str]:
    """Return the files that importing a module of ours can come to read, imports within functions included."""
    found: set[str] = set()
    todo = [module]
    while todo:
        name = todo.pop()
        path = _file(root, name)
        if path is None or path in found:
            continue
        found.add(path)
        todo += [name.rpartition(".")[0]] if "." in name else []
        todo += [each for each in _imports(root / path) if each.startswith("chalicelib")]
    return found


def _file(root: Path, module: str) -> str | None:
    stem = module.replace(".", "/")
    return next((path for path in (f"{stem}.py", f"{stem}/__init__.py") if (root / path).is_file()), None)


def _imports(path: Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names
