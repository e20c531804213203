"""Fold norms into the weights of a kernel for inference, where weights are given."""

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from esper_graph.compile.job import CompileJob, Hint
from esper_graph.compile.weights import Tensors
from esper_graph.ir.passes import fold_norm
from esper_graph.ir.passes.weight_edits import apply_weight_edits

PASS = f"fold_norm@{fold_norm.VERSION}"


class Folded(NamedTuple):
    """What is compiled in the end.

    Attributes:
        job: The job, of the blueprint without the norms that were folded.
        tensors: The weights of that blueprint; None where none were given.
        changed: The nodes whose weights are others now, or that are gone.
        passes: What was done, as `name@version`.
        hints: The same with its reason, where there is something to fold.
    """

    job: CompileJob
    tensors: Tensors | None
    changed: frozenset[str] = frozenset()
    passes: tuple[str, ...] = ()
    hints: tuple[Hint, ...] = ()


def folded(job: CompileJob, tensors: Tensors | None) -> Folded:
    """Fold every norm that the layer before it can carry, in float64; or say why not.

    Args:
        tensors: The weights that were given, by node and name.
    """
    result = fold_norm.run(job.blueprint)
    if not result.changed:
        return Folded(job, tensors)
    norms = tuple(dict.fromkeys(edit.norm_id for edit in result.weight_edits))
    if job.mode != "infer" or tensors is None:
        reason = (
            "it holds for inference only"
            if job.mode != "infer"
            else "it changes weights, and no weights were given"
        )
        return Folded(job, tensors, hints=(Hint(None, "fold_norm", norms, "not honoured", reason),))
    changed = frozenset(node for edit in result.weight_edits for node in (edit.node_id, edit.norm_id))
    wide = {node: {name: one.double() for name, one in tensors[node].items()} for node in changed}
    edited = apply_weight_edits(wide, result.weight_edits)
    narrow: dict[str, dict[str, Tensor]] = {
        node: {name: one.to(torch.float32) for name, one in owned.items()} for node, owned in edited.items()
    }
    kept = {node: owned for node, owned in tensors.items() if node not in changed}
    reason = "the weights of the layers before them carry them"
    return Folded(
        replace(job, blueprint=result.blueprint),
        kept | narrow,
        changed,
        (PASS,),
        (Hint(None, "fold_norm", norms, "honoured", reason),),
    )
