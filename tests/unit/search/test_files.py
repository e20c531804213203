"""The files of `cypher/search/` begin alike, so that every answer keeps the same blueprints."""

from esper_graph.property_graph.catalogue import get

FILES = ("page", "page_by_metric", "count", "facets", "values")


def test_all_files_have_the_same_seeds_and_conditions() -> None:
    texts = [get(f"search/{name}").text for name in FILES]
    ends = "WHERE feature IN c.features)"
    assert {text[: text.index(ends)] for text in texts} == {texts[0][: texts[0].index(ends)]}
    assert len(texts[0][: texts[0].index(ends)]) > 1_000
