"""A full disk, wherever the system lets us mount one; elsewhere `test_faults.py` limits the size of files."""

from pathlib import Path

from esper_graph.config import Settings
from tests.integration import full_disk

if not full_disk.possible():
    __test__: dict[str, str] = {}  # being empty, it keeps pytest from collecting anything here


def test_a_kernel_that_does_not_fit_leaves_no_trace_but_its_attempt(
    engine_settings: Settings, tmp_path: Path
) -> None:
    full_disk.run("kernels", tmp_path, engine_settings)


def test_an_embedded_store_that_cannot_grow_says_so_and_loses_nothing(tmp_path: Path) -> None:
    full_disk.run("data", tmp_path)
