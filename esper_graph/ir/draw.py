"""Draw a blueprint: as SVG, or as text for Mermaid and Graphviz.

Every text in a drawing is escaped, so that names cannot become markup.
"""

from typing import TYPE_CHECKING

from esper_graph.ir.draw_parts import INK, drawn
from esper_graph.ir.draw_svg import svg

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR

__all__ = ["dot", "mermaid", "svg"]


def mermaid(blueprint: "BlueprintIR") -> str:
    """Draw a blueprint as a Mermaid flowchart, as Markdown pages show it.

    Example:
        >>> from esper_graph.ir.build import Builder
        >>> b = Builder("small")
        >>> b.output(b.neg(b.input([2])))
        >>> print(mermaid(b.finish()).partition("style")[0].rstrip())
        flowchart TD
            n0(["input<br/>input<br/>[2]"])
            n1["neg<br/>neg<br/>[2]"]
            n2(["output<br/>output"])
            n0 --> n1
            n1 --> n2
    """
    nodes, edges = drawn(blueprint)
    lines = ["flowchart TD"]
    for number, node in enumerate(nodes):
        label = "<br/>".join(_mermaid_text(text) for text in (node.title, node.note, node.type) if text)
        opening, closing = ("([", "])") if node.is_boundary else ("[", "]")
        lines.append(f'    n{number}{opening}"{label}"{closing}')
    arrows = {"residual": "-.->", "attention": "==>"}
    for edge in edges:
        label = f'|"{_mermaid_text(edge.label)}"|' if edge.label else ""
        lines.append(f"    n{edge.source} {arrows.get(edge.role, '-->')}{label} n{edge.target}")
    lines += [
        f"    style n{number} fill:{node.fill},stroke:{node.stroke},color:{INK}"
        for number, node in enumerate(nodes)
    ]
    return "\n".join(lines) + "\n"


def dot(blueprint: "BlueprintIR") -> str:
    """Draw a blueprint in the language of Graphviz.

    Example:
        >>> from esper_graph.ir.build import Builder
        >>> b = Builder("small")
        >>> b.output(b.input([2]))
        >>> dot(b.finish()).splitlines()[-2]
        '    n0 -> n1 [color="#64748b"];'
    """
    nodes, edges = drawn(blueprint)
    lines = [
        f"digraph {_dot_text(blueprint.name)} {{",
        '    node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=11];',
        '    edge [fontname="Helvetica", fontsize=9];',
    ]
    for number, node in enumerate(nodes):
        label = _dot_text(*[text for text in (node.title, node.note, node.type) if text])
        lines.append(f'    n{number} [label={label}, fillcolor="{node.fill}", color="{node.stroke}"];')
    for edge in edges:
        label = f", label={_dot_text(edge.label)}" if edge.label else ""
        style = (
            "" if edge.role == "forward" else ", style=dashed" if edge.role == "residual" else ", style=bold"
        )
        lines.append(f'    n{edge.source} -> n{edge.target} [color="{edge.colour}"{style}{label}];')
    return "\n".join([*lines, "}"]) + "\n"


def _mermaid_text(text: str) -> str:
    """Escape all that Mermaid, Markdown or HTML could read as markup: its entities are decimal codes."""
    return "".join(
        sign if sign.isalnum() or sign in " ._-,()[]=:/+·→×…" else f"#{ord(sign)};" for sign in text
    )


def _dot_text(*lines: str) -> str:
    escaped = [line.replace("\\", "\\\\").replace('"', '\\"') for line in lines]
    return '"' + "\\n".join(escaped) + '"'
