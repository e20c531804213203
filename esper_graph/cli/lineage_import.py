"""`esper-graph lineage import`: the family tree of another hub, as JSON lines."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from esper_graph.cli.context import output_options, reason_option, registry
from esper_graph.cli.files import unreadable
from esper_graph.cli.output import emit, note


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--external-parent", is_flag=True, help="Keep parents that are nowhere as names only.")
@click.option("--new-device", is_flag=True, help="Accept devices that the manifest does not name.")
@reason_option
@output_options
def import_(
    file: Path, external_parent: bool, new_device: bool, reason: str | None, as_json: bool, quiet: bool
) -> None:
    """Import blueprints of which only the lineage is known, from JSON lines; `-` is standard input.

    Each line is one record: {"id": ..., "name": ...} and maybe "description", "author", "created_at", "tags",
    "derivations": [{"parent_id": ..., "kind": ...}] and "metrics": {DEVICE: {METRIC: VALUE}}. Parents may
    stand after their children. All problems are named with their lines, and then nothing is stored.
    """
    with _lines(file) as lines:
        found = registry().import_lineage(
            lines, external_parents=external_parent, new_device=new_device, reason=reason
        )
    emit(
        found,
        as_json=as_json,
        quiet=quiet,
        ids=lambda: found.imported,
        people=lambda: click.echo(
            f"{len(found.imported):,} imported, {len(found.known):,} known already, "
            f"{found.derivations:,} derivations"
        ),
    )
    if found.external_parents and not as_json:
        note(f"outside of this store: {' '.join(found.external_parents)}")


@contextmanager
def _lines(file: Path) -> Generator[BinaryIO]:
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    try:
        opened = file.open("rb")
    except OSError as error:
        raise unreadable(file, error) from None
    with opened:
        yield opened
