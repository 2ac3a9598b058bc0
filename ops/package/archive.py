"""Zips that are the same bytes whenever their files are: sorted names, one time, plain permissions."""

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first that a zip can say
_MODE = 0o644 << 16
_LEFT_OUT = ("__pycache__", ".pyc", ".dist-info/RECORD", ".dist-info/direct_url.json", ".dist-info/REQUESTED")

Files = Mapping[str, bytes]


def files_below(folder: Path, prefix: str = "") -> dict[str, bytes]:
    """Return the files of a folder by their names in an archive."""
    return {prefix + path.relative_to(folder).as_posix(): path.read_bytes() for path in _walk(folder)}


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(part in path.as_posix() for part in _LEFT_OUT):
            yield path


def write(path: Path, files: Files) -> None:
    """Write files into a zip."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, whatever this machine is
            entry.external_attr = _MODE
            archive.writestr(entry, files[name])


def read(path: Path) -> dict[str, bytes]:
    """Return the files of a zip."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
