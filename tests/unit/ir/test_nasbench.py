"""Fingerprints count the cells of NAS-Bench-101, whose number is published, and tell them apart exactly."""

import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

import pytest

from tests.nasbench import CLASSES, LABELLED, Cell, blueprint, cells, fingerprints, least_form, wirings

PARTS = 64
PROCESSES = 2


def check_same_classes(vertices: int) -> int:
    """Compare with trying all permutations, cell by cell; return the number of classes."""
    form_of: dict[str, Cell] = {}
    fingerprint_of: dict[Cell, str] = {}
    for count in range(2, vertices + 1):
        for cell in cells(count):
            form, fingerprint = least_form(cell), blueprint(cell).fingerprint
            assert form_of.setdefault(fingerprint, form) == form
            assert fingerprint_of.setdefault(form, fingerprint) == fingerprint
    return len(form_of)


def test_all_labelled_cells_are_listed() -> None:
    assert sum(3 ** (count - 2) * sum(1 for _ in wirings(count)) for count in CLASSES) == LABELLED


@pytest.mark.parametrize("vertices", [2, 3, 4, 5])
def test_cells_share_a_fingerprint_exactly_when_a_permutation_makes_them_equal(vertices: int) -> None:
    assert check_same_classes(vertices) == CLASSES[vertices]


@pytest.mark.full
def test_the_same_with_six_vertices() -> None:
    assert check_same_classes(6) == CLASSES[6]


@pytest.mark.full
@pytest.mark.timeout(3600)  # 1.3 million fingerprints: some five minutes on two quiet cores
def test_the_whole_space_has_as_many_fingerprints_as_classes(capsys: pytest.CaptureFixture[str]) -> None:
    started = time.monotonic()
    found: set[bytes] = set()
    labelled = 0
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        waiting = [
            pool.submit(fingerprints, count, part, PARTS)
            for count in sorted(CLASSES)
            for part in range(PARTS)
        ]
        for done in as_completed(waiting):
            count, digests = done.result()
            labelled += count
            found |= digests
            with capsys.disabled():
                rate = labelled / (time.monotonic() - started)
                shown = f"{labelled:,} of {LABELLED:,} cells, {len(found):,} classes, {rate:,.0f} a second"
                print(f"\r  {shown}  ", end="", file=sys.stderr, flush=True)
    assert labelled == LABELLED
    assert len(found) == CLASSES[7]
