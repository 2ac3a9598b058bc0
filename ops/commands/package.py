"""`onsale package`: build what is deployed."""

from pathlib import Path

import click

from ops.commands.options import json_option
from ops.console import print_json, say, show
from ops.package.target import ARCHITECTURES, PYTHONS, Target


@click.command()
@click.option("--python", type=click.Choice(PYTHONS), default="3.13", show_default=True, help="Lambda's Python.")
@click.option(
    "--arch", type=click.Choice(ARCHITECTURES), default="arm64", show_default=True, help="Lambda's processor."
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("dist"), show_default=True, help="Folder."
)
@json_option
def package(python: str, arch: str, out: Path, as_json: bool) -> None:
    """Build what is deployed: the functions' zips and the template that names them.

    The same sources give the same bytes. Deploy with any tool for CloudFormation, e.g.
    `aws cloudformation package` and `deploy` on template.json, which is too large to send without a bucket.

    \b
    onsale package
    onsale package --python 3.12 --arch x86_64 --out build/dist
    """
    from ops.package.build import build  # Chalice and SAM: seconds, which `onsale --help` must not wait for

    say(f"building for Python {python} on {arch}: the wheels come from the package index")
    files = build(Path.cwd(), Target(python, arch), out)
    if as_json:
        print_json([{"file": str(path), "bytes": path.stat().st_size} for path in files])
        return
    show("\n".join(f"{path}  {path.stat().st_size:,} bytes" for path in files))
