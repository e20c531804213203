"""`query open` prints a link for every query that is made for Neo4j Browser; no store is needed."""

from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner

from esper_graph.cli import root
from esper_graph.property_graph import catalogue

BROWSE = [name for name in catalogue.names() if name.startswith("browse/")]


@pytest.mark.parametrize("name", BROWSE)
def test_a_link_holds_the_query_with_the_values_to_try(name: str) -> None:
    query = catalogue.get(name)
    ran = CliRunner().invoke(root, ["query", "open", name])
    assert ran.exit_code == 0, ran.output
    asked = parse_qs(urlsplit(ran.stdout.strip()).query)
    assert asked["cmd"] == ["edit"]
    (text,) = asked["arg"]
    assert "$" not in text, "a link carries no parameters"
    for example in query.examples:
        name, value = example.removeprefix(":param ").split(" => ", 1)
        assert value in text
        assert f"{name} => {value}" in ran.stderr
