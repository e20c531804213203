"""Git for neural-network architectures, on Neo4j.

    from esper_graph import BlueprintRegistry, BlueprintIR, NodeSpec, EdgeSpec

Names load what they need when they are first used: importing this package imports neither torch nor neo4j.
"""

from typing import TYPE_CHECKING, Any

from esper_graph.lazy import lazy_names

if TYPE_CHECKING:
    from esper_graph.compile import import_module, import_onnx, import_with_weights
    from esper_graph.errors import EsperGraphError
    from esper_graph.ir.blueprint import BlueprintIR
    from esper_graph.ir.build import Builder, attention, residual
    from esper_graph.ir.metadata import BlueprintMetadata
    from esper_graph.ir.specs import Derivation, EdgeSpec, NodeSpec
    from esper_graph.ops import OPS, register_op
    from esper_graph.property_graph.answer import Answer
    from esper_graph.registry import BlueprintRegistry

__all__ = [
    "OPS",
    "Answer",
    "BlueprintIR",
    "BlueprintMetadata",
    "BlueprintRegistry",
    "Builder",
    "Derivation",
    "EdgeSpec",
    "EsperGraphError",
    "NodeSpec",
    "attention",
    "import_module",
    "import_onnx",
    "import_with_weights",
    "register_op",
    "residual",
]

_find = lazy_names(
    __name__,
    {
        "compile": ("import_module", "import_onnx", "import_with_weights"),
        "errors": ("EsperGraphError",),
        "ir.blueprint": ("BlueprintIR",),
        "ir.metadata": ("BlueprintMetadata",),
        "ir.build": ("Builder", "attention", "residual"),
        "ir.specs": ("Derivation", "EdgeSpec", "NodeSpec"),
        "ops": ("OPS", "register_op"),
        "property_graph.answer": ("Answer",),
        "registry": ("BlueprintRegistry",),
    },
)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("esper-graph")
    return _find(name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
