"""Which route template a path belongs to, decided as API Gateway and Chalice's local server do."""

from functools import lru_cache
from typing import Any

Route = tuple[str, dict[str, str] | None]


class RouteTable:
    """Finds the route template of a path; a literal segment wins over a captured one."""

    def __init__(self, templates: list[str]) -> None:
        self._tree: dict[str, Any] = {}
        for template in templates:
            parts = template.split("/")
            node = self._tree
            for part in parts:
                node = node.setdefault("{}" if part.startswith("{") else part, {})
            node["/"] = template, [part[1:-1] if part.startswith("{") else "" for part in parts]
        self._recent = lru_cache(maxsize=1024)(self._search)

    def find(self, path: str) -> Route | None:
        """Return (template, captured segments or None), None for an unknown path. A trailing slash is ignored."""
        return self._recent(path)

    def _search(self, path: str) -> Route | None:
        parts = (path[:-1] if path.endswith("/") and path != "/" else path).split("/")
        leaf = _leaf(self._tree, parts, 0)
        if leaf is None:
            return None
        template, names = leaf
        return template, {name: part for name, part in zip(names, parts, strict=True) if name} or None


def _leaf(node: dict[str, Any], parts: list[str], depth: int) -> tuple[str, list[str]] | None:
    if depth == len(parts):
        leaf: tuple[str, list[str]] | None = node.get("/")
        return leaf
    for branch in (parts[depth], "{}"):
        if branch in node and (found := _leaf(node[branch], parts, depth + 1)):
            return found
    return None
