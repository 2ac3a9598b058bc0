"""`onsale package`: build what is deployed."""

from pathlib import Path

import click

from ops.commands.options import json_option
from ops.console import print_json, say, show, table
from ops.package import archive
from ops.package.target import ARCHITECTURES, PYTHONS, Target

INLINE_BYTES = 51_200  # source: AWS CloudFormation User Guide, quotas: template body in a request


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

    root = Path.cwd()
    if not (root / "template.yaml").is_file():
        raise click.UsageError(f"{root} has no template.yaml: run this in the project's folder.")
    say(f"building for Python {python} on {arch}: the wheels come from the package index")
    sizes = {path: path.stat().st_size for path in build(root, Target(python, arch), out)}
    if as_json:
        print_json([{"file": str(path), "bytes": size} for path, size in sizes.items()])
    else:
        show(table([(str(path), f"{size:,}".rjust(12), _what(path)) for path, size in sizes.items()]))
    _advise(python, next(size for path, size in sizes.items() if path.suffix == ".json"))


def _what(path: Path) -> str:
    return f"bytes, unpacked {sum(map(len, archive.read(path).values())):,}" if path.suffix == ".zip" else "bytes"


def _advise(python: str, template_bytes: int) -> None:
    if template_bytes > INLINE_BYTES:
        say(f"The template is larger than the {INLINE_BYTES:,} bytes that CloudFormation takes in a request:")
        say("deploy it through a bucket, with --s3-bucket.")
    if python == "3.11":
        say("Python 3.11 of Lambda has an older C library than these wheels are made for: use this on emulators only.")
