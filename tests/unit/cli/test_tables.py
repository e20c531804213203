"""Tables cut nothing: in a file lines are as long as they are, on a terminal columns are wrapped."""

import io
import sys
from dataclasses import dataclass

import click
import pytest

from esper_graph.cli.output import columns, completeness, table
from esper_graph.property_graph.answer import Answer

LONG = "a_blueprint_with_an_id_of_forty_four_letters"


@dataclass(frozen=True)
class Row:
    """What a table shows here."""

    id: str
    name: str
    parameters: int
    tags: tuple[str, ...]


ROWS = [
    Row(LONG, "An expert of some width and of some depth", 1_234_567, ("feedforward", "mobile", "residual")),
    Row("short", "Short", 8, ()),
]


class Terminal(io.StringIO):
    """A terminal that keeps what was written to it."""

    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, width: int) -> list[str]:
    terminal = Terminal()
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", terminal)
    table(ROWS, columns("id", "name", "parameters", "tags"))
    return [line.rstrip() for line in click.unstyle(terminal.getvalue()).splitlines()]


@pytest.mark.parametrize("width", [20, 80, 100, 200])
def test_a_terminal_shows_every_id_number_and_word(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    lines = shown(monkeypatch, width)
    assert LONG in lines[1]
    assert "1,234,567" in lines[1]
    words = " ".join(lines).split()
    letters = len("".join(words))
    cells = ["idnameparameterstags", *ROWS[0].name.split(), "1,234,567", *ROWS[0].tags, LONG, "shortShort8"]
    assert letters == len("".join(cells))
    if width >= 100:
        assert max(map(len, lines)) <= width
    if width >= 200:
        assert {*ROWS[0].name.split(), *ROWS[0].tags} <= set(words)


def test_numbers_stand_at_the_right(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (line for line in shown(monkeypatch, 200) if "1,234,567" in line or "short" in line)
    assert first.index("1,234,567") + len("1,234,567") == second.rindex("8") + 1


def test_words_stand_at_the_left_whatever_their_column_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    table(ROWS, columns("value=id", "ops=parameters"))
    assert [line[0] for line in terminal.getvalue().splitlines()[1:]] == ["a", "s"]


def test_people_are_told_whether_an_answer_is_complete(capsys: pytest.CaptureFixture[str]) -> None:
    completeness(Answer(["a", "b"]))
    completeness(Answer(["a", "b"], truncated_by="limit", total=5))
    assert capsys.readouterr().err.splitlines() == ["complete: 2", "not complete: 3 more, cut by limit"]
