"""The Pareto front: what nothing else beats in every respect."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def pareto_front(points: Sequence[tuple[T, tuple[float, ...]]]) -> list[tuple[T, tuple[float, ...]]]:
    """Keep the points that no other dominates: none is as small in every figure and smaller in one.

    Points with the same figures stay together. In the order of the figures, each point is compared only with
    the front found so far, since what dominates it comes before it.

    Example:
        >>> pareto_front([("a", (1, 5)), ("b", (2, 2)), ("c", (3, 3)), ("d", (2, 2))])
        [('a', (1, 5)), ('b', (2, 2)), ('d', (2, 2))]
    """
    front: list[tuple[float, ...]] = []
    for figures in sorted({figures for _, figures in points}):
        if not any(all(mine <= other for mine, other in zip(one, figures, strict=True)) for one in front):
            front.append(figures)
    kept = set(front)
    return sorted((point for point in points if point[1] in kept), key=lambda point: point[1])
