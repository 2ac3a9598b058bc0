"""Builds dist/: three zips and the template that names them."""

import shutil
import tempfile
from pathlib import Path

from chalicelib.errors import OnsaleError
from ops.package import archive, chalice_package, sources, template, wheels
from ops.package.target import Target

_TEMPLATE = "template.json"


def build(root: Path, target: Target, out: Path) -> list[Path]:
    """Build everything for a target; what was in `out` before is replaced only when all of it is done.

    Raises OnsaleError `package-failed`, also where `out` holds what no build has made: that would be lost.
    """
    _refuse_others_files(out)
    with tempfile.TemporaryDirectory(prefix="onsale-package-") as name:
        work = Path(name)
        made = work / "dist"
        made.mkdir()
        for each in ("api", "authorizer", "consumers"):
            wheels.install(root, each, target, work / each)
        merge = template.merge_document(root)
        api, document = chalice_package.package(root, work / "build", sources.api(root), work / "api", merge)
        archive.write(made / template.API_ZIP, api)
        archive.write(
            made / template.AUTHORIZER_ZIP, {**archive.files_below(work / "authorizer"), **sources.authorizer(root)}
        )
        archive.write(
            made / template.CONSUMERS_ZIP, {**archive.files_below(work / "consumers"), **sources.consumers(root)}
        )
        (made / _TEMPLATE).write_text(template.as_text(template.finished(document, target)))
        _replace(out, made)
    return sorted(out.iterdir())


def _refuse_others_files(out: Path) -> None:
    made = {template.API_ZIP, template.AUTHORIZER_ZIP, template.CONSUMERS_ZIP, _TEMPLATE}
    others = sorted({path.name for path in out.iterdir()} - made) if out.exists() else []
    if others:
        raise OnsaleError("package-failed", f"{out} holds {others[0]}, which no build has made: name another folder")


def _replace(out: Path, made: Path) -> None:
    beside = out.with_name(f"{out.name}.new")  # one that a build left behind when it was killed is nobody's
    shutil.rmtree(beside, ignore_errors=True)
    shutil.copytree(made, beside)
    if out.exists():
        shutil.rmtree(out)
    beside.rename(out)
