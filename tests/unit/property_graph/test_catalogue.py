"""Query files are read as they are meant, and refused with file and line where they are not."""

from pathlib import Path

import pytest

from esper_graph.errors import ConfigError, QueryError
from esper_graph.property_graph import catalogue
from esper_graph.property_graph.catalogue import Catalogue, parse

GOOD = """\
// Find it.
// More for people.
// param id STRING the blueprint
// param limit INTEGER? how many
// returns id, name
// returns depth
// access read
// try :param id => 'x'
MATCH (b {id: $id}) // not $this one
WHERE b.text <> '$nor; this' AND b.`$odd` IS NULL /* nor $that; */
RETURN b.id AS id, b.name AS name, 1 AS depth LIMIT $`limit`;
"""


def test_a_header_is_the_signature() -> None:
    query = parse("lineage/find", GOOD, "find.cypher")
    assert query.summary == "Find it."
    assert query.notes == "More for people."
    assert [(one.name, one.type) for one in query.parameters] == [("id", "STRING"), ("limit", "INTEGER?")]
    assert query.returns == ("id", "name", "depth")
    assert query.access == "read"
    assert query.examples == (":param id => 'x'",)
    assert query.source == GOOD


def test_what_is_sent_has_no_comment_and_no_semicolon_but_all_else() -> None:
    text = parse("lineage/find", GOOD, "find.cypher").text
    assert "not $this" not in text
    assert "nor $that" not in text
    assert "'$nor; this'" in text
    assert "`$odd`" in text
    assert text.startswith("MATCH")
    assert text.endswith("LIMIT $`limit`")


@pytest.mark.parametrize(
    ("change", "line", "says"),
    [
        (("// Find it.", "//"), 1, "one line that says what it is for"),
        (("// param id STRING the blueprint\n", ""), 8, r"uses `\$id`"),
        (("the blueprint", ""), 3, "name TYPE meaning"),
        (("STRING the", "TEXT the"), 3, "name TYPE meaning"),
        (("// param limit", "// param id"), 4, "twice"),
        (("LIMIT $`limit`", ""), 4, "`limit`, which the statement does not use"),
        (("// returns id, name\n// returns depth\n", ""), 6, "does not say `// returns"),
        (("// returns depth", "// returns name"), 6, "distinct column names"),
        (("// returns depth", "// returns no-name"), 6, "distinct column names"),
        (("// access read\n", ""), 7, "does not say `// access"),
        (("access read", "access both"), 7, "one of read, write, schema"),
        (("// access read", "// access read\n// access write"), 8, "once"),
        (("try :param", "try param"), 8, "try :param name => value"),
        (("$`limit`;", "$`limit`"), 11, "must end with `;`"),
        (("$`limit`;", "$`limit`; RETURN 1;"), 11, "more than one statement"),
        (("// More", "// More\r"), 2, "carriage return"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(change: tuple[str, str], line: int, says: str) -> None:
    source = GOOD.replace(*change, 1)
    assert source != GOOD
    with pytest.raises(ConfigError, match=says) as caught:
        parse("lineage/find", source, "find.cypher")
    assert caught.value.where == (f"find.cypher:{line}",)


def test_parameters_must_be_exactly_the_declared_ones() -> None:
    query = parse("lineage/find", GOOD, "find.cypher")
    query.require({"id": "x", "limit": None})
    with pytest.raises(QueryError) as caught:
        query.require({"id": "x", "depth": 1})
    assert "missing  limit" in str(caught.value)
    assert "unknown  depth" in str(caught.value)


def test_names_are_paths_and_unknown_ones_are_refused_with_close_ones(tmp_path: Path) -> None:
    (tmp_path / "lineage").mkdir()
    (tmp_path / "lineage" / "find.cypher").write_text(GOOD, encoding="utf-8")
    (tmp_path / "loose.cypher").write_text(GOOD, encoding="utf-8")
    found = Catalogue(tmp_path)
    assert found.names() == ("lineage/find",)
    assert found.get("lineage/find") is found.get("lineage/find")
    with pytest.raises(QueryError, match="lineage/fnid") as caught:
        found.get("lineage/fnid")
    assert caught.value.hint is not None
    assert "lineage/find" in caught.value.hint
    for outside in ("../lineage/find", "loose", "lineage/../lineage/find", "/lineage/find", ""):
        with pytest.raises(QueryError):
            found.get(outside)


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lineage").mkdir()
    (tmp_path / "lineage" / "find.cypher").write_bytes(GOOD.replace("Find", "Fünd").encode("latin-1"))
    with pytest.raises(ConfigError, match="UTF-8"):
        Catalogue(tmp_path).get("lineage/find")


@pytest.mark.parametrize("name", catalogue.names())
def test_every_shipped_query_is_read_and_can_be_tried_by_hand(name: str) -> None:
    query = catalogue.get(name)
    tried = {example.split()[1] for example in query.examples}
    assert {parameter.name for parameter in query.parameters} == tried
    assert query.access == "schema" or query.text.count("RETURN") >= 1
