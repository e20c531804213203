"""How each aten op is raised to ours: the `RAISERS` table, by the op's name without its overload.

An op that changes its first argument in place is raised like the one without the trailing `_`.
"""

from collections.abc import Mapping

from esper_graph.compile.importer.call import Raiser
from esper_graph.compile.importer.raisers import (
    activation,
    attention,
    conv,
    dense,
    elementwise,
    indexing,
    norm,
    pooling,
    recurrent,
    reduction,
    shape,
    source,
)

RAISERS: Mapping[str, Raiser] = {
    name: raiser
    for family in (
        activation,
        attention,
        conv,
        dense,
        elementwise,
        indexing,
        norm,
        pooling,
        recurrent,
        reduction,
        shape,
        source,
    )
    for name, raiser in family.RAISERS.items()
}
