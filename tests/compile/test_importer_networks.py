"""Collections of real networks, taken in unmodified; prints what each has and how exact its kernel is."""

import gc
from collections.abc import Callable

import pytest
import torch

from tests.compile.importing import HEADER, TOLERANCE, compare
from tests.compile.networks import HUGE, Network, timm_networks, torchvision_networks, transformers_networks

COLLECTIONS: dict[str, tuple[Callable[[], dict[str, Network]], int]] = {
    "torchvision": (torchvision_networks, 70),
    "timm": (timm_networks, 60),
    "transformers": (transformers_networks, 20),
}
"""Each with the number of networks that it must at least have."""
UNCOUNTED = ("sequencer2d_s",)
"""torch counts no work for an LSTM; ours is compared with a formula in `tests/unit/ops/test_recurrent.py`."""


@pytest.mark.full
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("collection", COLLECTIONS)
def test_networks_keep_values_parameters_and_work(
    collection: str, capsys: pytest.CaptureFixture[str]
) -> None:
    list_networks, least = COLLECTIONS[collection]
    wrong: list[str] = []
    good = 0
    with capsys.disabled():
        print(f"\n{HEADER}")
    for name, (make, inputs) in list_networks().items():
        if name in HUGE:
            continue
        torch.manual_seed(0)
        found = compare(make(), inputs, count=3, macs=name not in UNCOUNTED)
        with capsys.disabled():
            print(found.row(name), *found.imported.notes, flush=True)
        exact = found.parameters == found.expected_parameters and found.macs == found.expected_macs
        good += exact and found.error < TOLERANCE
        if not exact or found.error >= TOLERANCE:
            wrong.append(name)
        del found
        gc.collect()
    assert not wrong
    assert good >= least
