"""Builds dist/: three zips and the template that names them."""

import shutil
import tempfile
from pathlib import Path

from ops.package import archive, chalice_package, sources, template, wheels
from ops.package.target import Target


def build(root: Path, target: Target, out: Path) -> list[Path]:
    """Build everything for a target; what was in `out` before is replaced only when all of it is done."""
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
        (made / "template.json").write_text(template.as_text(template.finished(document, target)))
        if out.exists():
            shutil.rmtree(out)
        shutil.copytree(made, out)
    return sorted(out.iterdir())
