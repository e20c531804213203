"""Draw a blueprint: as SVG, or as text for Mermaid and Graphviz.

Drawings hold no scripts, links or fonts. Every text in them is escaped, so that names cannot become markup.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple
from unicodedata import east_asian_width
from xml.sax.saxutils import escape

from esper_graph.ir.draw_layout import Link, lay_out
from esper_graph.ir.graph import Feed, Graph
from esper_graph.ir.listing import own_parameters, shown_attributes, shown_types
from esper_graph.ops.dims import Dim

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR
