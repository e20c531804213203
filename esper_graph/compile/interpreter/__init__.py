"""The reference: computes a blueprint node by node in float64, from formulas.

It shares no code with lowering and uses no module of torch.nn, so that a mistake would have to be made twice.
Results can be differentiated. It is slow.
"""

from esper_graph.compile.interpreter.run import Interpretation, interpret

__all__ = ["Interpretation", "interpret"]
