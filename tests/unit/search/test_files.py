"""Files of `cypher/search/` keep the same blueprints: what they have in common is the same text."""

from esper_graph.property_graph.catalogue import get, names

BEGINS, ENDS = "($archived OR", "WHERE feature IN c.features)\n    END)"


def _texts(*parameters: str) -> dict[str, str]:
    queries = [get(name) for name in names() if name.startswith("search/")]
    return {
        query.name: query.text for query in queries if {*parameters} <= {one.name for one in query.parameters}
    }


def test_all_files_have_the_same_conditions() -> None:
    texts = _texts("conditions")
    found = {text[text.index(BEGINS) : text.index(ENDS)] for text in texts.values()}
    assert len(texts) > 3
    assert len(found) == 1
    assert all(text.count("$conditions") == 1 for text in texts.values())


def test_all_files_have_the_same_seeds() -> None:
    texts = _texts("seed", "conditions")
    assert len(texts) > 1
    assert len({text[: text.index(BEGINS)] for text in texts.values()}) == 1
