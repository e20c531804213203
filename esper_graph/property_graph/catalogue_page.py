"""The page `docs/cypher.md`: every query of the catalogue with its signature, made of the headers.

`make docs` writes it anew.
"""

import sys
from itertools import groupby

from esper_graph.property_graph.catalogue import NamedQuery, Parameter, get, names

_ROOMS = {
    "audit": "What `store doctor` runs: each finds one kind of damage.",
    "blueprint": "Blueprints, one by one and in lists: saving, reading, tags, aliases, archiving, purging.",
    "browse": "Made for Neo4j Browser: see [the page about it](browser.md).",
    "event": "The history: what happened, by whom, why.",
    "kernel": "Compile attempts, kernels and their weights.",
    "lineage": "Who derives from whom: see [the page about it](lineage.md).",
    "metric": "What was measured.",
    "schema": "Constraints, indexes and the version of the schema; each runs alone.",
    "search": "What finds blueprints.",
    "similarity": "What is like a blueprint.",
}
_HEAD = """\
# The Cypher catalogue

Every statement that the product runs, and some more for people, is a file in `cypher/`. This page is made of
their headers by `make docs`. `esper-graph query show NAME` prints one as it can be pasted into Neo4j Browser,
`query open NAME` a link that opens it there, and `query run NAME PARAMETER=VALUE` runs one that reads.
Values to try stand beside the parameters. A type that ends in `?` may be null.
"""


def page() -> str:
    """Write the page.

    Example:
        >>> "### lineage/ancestor_ids" in page()
        True
    """
    parts = [_HEAD]
    for room, queries in groupby(map(get, names()), key=lambda query: query.name.partition("/")[0]):
        parts.append(f"## {room}\n\n{_ROOMS[room]}\n")
        parts += map(_entry, queries)
    return "\n".join(parts)


def _entry(query: NamedQuery) -> str:
    lines = [f"### {query.name}", "", query.summary]
    if query.notes:
        lines[-1:] = [f"{query.summary} {' '.join(query.notes.split())}"]
    lines += [
        "",
        f"*{query.access}*, returns {', '.join(f'`{name}`' for name in query.returns) or 'nothing'}",
    ]
    if query.parameters:
        tries = dict(line.removeprefix(":param ").split(" => ", 1) for line in query.examples)
        lines += ["", "| parameter | type | meaning | try |", "| --- | --- | --- | --- |"]
        lines += [_row(one, tries[one.name]) for one in query.parameters]
    return "\n".join([*lines, ""])


def _row(parameter: Parameter, value: str) -> str:
    cells = (
        f"`{parameter.name}`",
        f"`{parameter.type}`",
        parameter.meaning,
        f"`:param {parameter.name} => {value}`",
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    sys.stdout.write(page())
