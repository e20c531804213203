"""Views of blueprints and families in the terms of other libraries."""

from typing import TYPE_CHECKING

from esper_graph.lazy import lazy_names

if TYPE_CHECKING:
    from esper_graph.bridges.networkx import from_networkx, lineage_to_networkx, to_networkx

__all__ = ["from_networkx", "lineage_to_networkx", "to_networkx"]

__getattr__ = lazy_names(__name__, {"networkx": ("from_networkx", "lineage_to_networkx", "to_networkx")})
