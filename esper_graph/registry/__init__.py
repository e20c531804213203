"""The verbs people say: `BlueprintRegistry` over one store."""

from esper_graph.registry.registry import BlueprintRegistry

__all__ = ["BlueprintRegistry"]
