"""Statements that only tests run, in the form in which the catalogue hands out its own."""

from collections.abc import Mapping

from esper_graph.property_graph.catalogue import NamedQuery, parse


def statement(
    text: str,
    *,
    access: str = "read",
    returns: str = "nothing",
    parameters: Mapping[str, str] | None = None,
    name: str = "tests/statement",
) -> NamedQuery:
    """Make a query of a statement and the types of its parameters."""
    header = [
        "// A statement of a test.",
        *(f"// param {parameter} {kind} a value" for parameter, kind in (parameters or {}).items()),
        f"// returns {returns}",
        f"// access {access}",
    ]
    return parse(name, "\n".join([*header, f"{text};", ""]), name)
