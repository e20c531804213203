"""How each ONNX op is raised to ours: the `RAISERS` table, by the op's name."""

from collections.abc import Mapping

from esper_graph.compile.importer.onnx_ops import (
    activation,
    conv,
    dense,
    elementwise,
    norm,
    pooling,
    recurrent,
    reduction,
    resampling,
    shape,
)
from esper_graph.compile.importer.onnx_ops.operator import OnnxRaiser

RAISERS: Mapping[str, OnnxRaiser] = {
    name: raiser
    for family in (
        activation,
        conv,
        dense,
        elementwise,
        norm,
        pooling,
        recurrent,
        reduction,
        resampling,
        shape,
    )
    for name, raiser in family.RAISERS.items()
}
