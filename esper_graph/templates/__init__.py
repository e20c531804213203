"""The ten ready blueprints: functions of a few numbers.

>>> from esper_graph.templates import create_squeezenet_fire
>>> create_squeezenet_fire().id
'squeezenet_fire_96_16_64_64'
"""

from esper_graph.templates.diagnostics import create_gradient_analyzer, create_probe_layer
from esper_graph.templates.efficiency import create_mobilenet_block, create_squeezenet_fire
from esper_graph.templates.moe import create_expert_network, create_moe_layer
from esper_graph.templates.routing import create_conditional_computation, create_dynamic_routing
from esper_graph.templates.table import TEMPLATES, Template, TemplateParameter
from esper_graph.templates.transformer import create_attention_head, create_transformer_block

__all__ = [
    "TEMPLATES",
    "Template",
    "TemplateParameter",
    "create_attention_head",
    "create_conditional_computation",
    "create_dynamic_routing",
    "create_expert_network",
    "create_gradient_analyzer",
    "create_mobilenet_block",
    "create_moe_layer",
    "create_probe_layer",
    "create_squeezenet_fire",
    "create_transformer_block",
]
