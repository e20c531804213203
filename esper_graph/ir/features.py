"""How alike two blueprints are, from features that can be counted one by one.

A feature is an edge with the ops at its ends, or a node with what stands around it. It is a short text, so
that a store can look up who else has it.

>>> from esper_graph.ir.build import Builder
>>> def mlp(width: int, kind: str) -> "BlueprintIR":
...     b = Builder("mlp", name="MLP")
...     x = b.linear(b.input([-1, 8]), in_features=8, out_features=width)
...     b.output(b.linear(b.activation(x, type=kind), in_features=width, out_features=2))
...     return b.finish()
>>> small, wide, other = (features(mlp(*which)) for which in ((4, "relu"), (16, "relu"), (16, "gelu")))
>>> list(small)[0], sum(small.values())
('e1:activation relu 0>0 linear', 9)
>>> near_duplicate(small, small), near_duplicate(small, wide) > near_duplicate(small, other) > 0
(1.0, True)

Source of the neighbourhoods: N. Shervashidze et al., "Weisfeiler-Lehman graph kernels", JMLR 12 (2011).
"""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import blake2b
from math import fsum, log1p
from typing import TYPE_CHECKING

from esper_graph.ir.labels import kind, labelled_structure
from esper_graph.ops.opdef import MEMO

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR

EDGE, AROUND = "e1:", "w1:"
"""Beginnings of the keys; the number rises when what they mean changes."""


def features(blueprint: "BlueprintIR") -> Mapping[str, int]:
    """Count the features of a blueprint, blocks written out; the same for all that share a fingerprint.

    For each edge: the ops at both ends, and which ports it joins. For each node: what it is, what feeds it
    and what it feeds, with all attributes. A network of ten nodes has about twenty.

    Returns:
        How often each feature is there, by key, sorted.

    Raises:
        BlueprintError: The blueprint is not valid.
    """
    labels, arcs = labelled_structure(blueprint)
    kinds = [kind(label) for label in labels]
    digests = [_digest(label) for label in labels]
    around: list[list[str]] = [[] for _ in labels]
    found: Counter[str] = Counter()
    for source, target, ports in arcs:
        found[f"{EDGE}{kinds[source]} {ports} {kinds[target]}"] += 1
        around[target].append(f"<{ports} {digests[source]}")
        around[source].append(f">{ports} {digests[target]}")
    for digest, beside in zip(digests, around, strict=True):
        beside.sort()
        found[AROUND + _digest("\n".join([digest, *beside]))] += 1
    return dict(sorted(found.items()))


@lru_cache(maxsize=MEMO)
def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def damped(count: int) -> float:
    """Weigh how often a feature is there for `same_family`: ln(1 + count)."""
    return log1p(count)


def near_duplicate(one: Mapping[str, int], other: Mapping[str, int]) -> float:
    """Tell how much of two blueprints is the same: shared features through all, each as often as it is there.

    1 for the same features, 0 where none is shared.
    """
    return _jaccard(one, other, float)


def same_family(one: Mapping[str, int], other: Mapping[str, int]) -> float:
    """Tell how much two blueprints are made alike: like `near_duplicate`, but repetition counts little.

    A network of 152 layers is made like one of 18, though most of it is not in that one.
    """
    return _jaccard(one, other, damped)


def _jaccard(one: Mapping[str, int], other: Mapping[str, int], weight: Callable[[int], float]) -> float:
    shared = fsum(weight(min(count, other[key])) for key, count in one.items() if key in other)
    every = fsum(weight(max(one.get(key, 0), other.get(key, 0))) for key in one.keys() | other.keys())
    return shared / every if every else 1.0
