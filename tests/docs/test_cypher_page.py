"""The page about the catalogue is what the headers say."""

from pathlib import Path

from esper_graph.property_graph import catalogue
from esper_graph.property_graph.catalogue_page import page

PAGE = (Path(__file__).parents[2] / "docs" / "cypher.md").read_text(encoding="utf-8")


def test_the_page_is_made_of_the_present_headers() -> None:
    assert page() == PAGE, "run `make docs`"


def test_every_query_and_every_parameter_stands_on_the_page() -> None:
    entries = {entry.splitlines()[0]: entry for entry in PAGE.split("\n### ")[1:]}
    assert list(entries) == list(catalogue.names())
    for name, entry in entries.items():
        query = catalogue.get(name)
        assert query.summary in entry
        assert f"*{query.access}*" in entry
        for parameter in query.parameters:
            assert f"| `{parameter.name}` | `{parameter.type}` |" in entry
        for column in query.returns:
            assert f"`{column}`" in entry
