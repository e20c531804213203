"""Print: tables for people, one JSON document for programs, bare ids for pipes."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from io import StringIO
from operator import attrgetter
from typing import Any, TypeVar, cast

import click

from esper_graph.property_graph.answer import Answer

T = TypeVar("T")
Columns = Mapping[str, Callable[[Any], object]]
_NARROW = 10  # characters of a column that is wrapped; longer words are broken then
_OF_ANSWERS = frozenset({"truncated_by", "omitted_count", "total"})


def columns(*specifications: str) -> Columns:
    """Make columns of attributes: `op_count` is headed `op count`, and `ops=op_count` is headed `ops`.

    Example:
        >>> list(columns("id", "nearest_root", "ops=op_count"))
        ['id', 'nearest root', 'ops']
    """
    pairs = [one.rpartition("=") for one in specifications]
    return {head or name.replace("_", " "): attrgetter(name) for head, _, name in pairs}


def plain(value: object) -> Any:
    """Turn records, times and mappings into what JSON can say."""
    if isinstance(value, Answer):
        answer = cast(Answer[object], value)
        return {
            "items": [plain(item) for item in answer],
            "complete": answer.complete,
            "truncated_by": answer.truncated_by,
            "omitted_count": answer.omitted_count,
            "total": answer.total,
            **{name: plain(item) for name, item in vars(answer).items() if name not in _OF_ANSWERS},
        }
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in cast(Mapping[object, object], value).items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in cast(Iterable[object], value)]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    names: Iterable[str] | None = getattr(type(value), "model_fields", None)
    if names is not None:
        return {name: plain(getattr(value, name)) for name in names}
    return str(value)


def document(value: object) -> str:
    """Return the JSON document of a value."""
    return json.dumps(plain(value), ensure_ascii=False, indent=2)


def emit(
    value: object,
    *,
    as_json: bool,
    quiet: bool,
    ids: Callable[[], Iterable[str]],
    people: Callable[[], None],
) -> None:
    """Print a result in the form that was asked for."""
    if as_json:
        click.echo(document(value))
    elif quiet:
        for one in ids():
            click.echo(one)
    else:
        people()


def emit_answer(
    answer: Answer[T],
    columns: Columns,
    *,
    as_json: bool,
    quiet: bool,
    ids: Callable[[T], str] = attrgetter("id"),
    empty: str = "nothing found",
) -> None:
    """Print a list of records in the form that was asked for.

    Args:
        ids: What -q prints of a record; what several share is printed once.
        empty: What people are told where there are none.
    """
    emit(
        answer,
        as_json=as_json,
        quiet=quiet,
        ids=lambda: dict.fromkeys(map(ids, answer)),
        people=lambda: answer_table(answer, columns, empty=empty),
    )


def answer_table(answer: Answer[T], columns: Columns, *, empty: str = "nothing found") -> None:
    """Print an answer as a table, and on standard error whether it is complete."""
    if answer:
        table(answer, columns)
    else:
        note(empty)
    completeness(answer)


def completeness(answer: Answer[Any]) -> None:
    """Say on standard error whether an answer leaves something out."""
    if answer.complete and answer:
        note(f"complete: {len(answer):,}")
    elif not answer.complete:
        left = "more" if answer.omitted_count is None else f"{answer.omitted_count:,} more"
        note(f"not complete: {left}, cut by {answer.truncated_by}")


def table(rows: Iterable[T], columns: Columns) -> None:
    """Print rows as a table with a header.

    On a terminal, columns are wrapped where their texts have spaces; nothing is cut.
    """
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table

    values = [[make(row) for make in columns.values()] for row in rows]
    drawn = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    narrowest = 2 * (len(columns) - 1)
    for place, name in enumerate(columns):
        shown = [row[place] for row in values]
        texts = [cell(value) for value in shown]
        parts = [part for text in texts for part in text.split()]
        wraps = sys.stdout.isatty() and len(parts) > len(texts)
        longest = max(map(cell_len, [*(parts if wraps else texts), name]))
        narrowest += min(longest, _NARROW) if wraps else longest
        kinds = {type(value) for value in shown if value is not None}
        justify = "right" if kinds and kinds <= {int, float} else "left"
        drawn.add_column(name, justify=justify, no_wrap=not wraps, overflow="fold")
    for row in values:
        drawn.add_row(*map(cell, row))
    if sys.stdout.isatty():
        console = Console(file=sys.stdout, highlight=False, markup=False)
        console.width = max(console.width, narrowest)
        console.print(drawn)
        return
    drawing = StringIO()
    Console(file=drawing, width=10_000, highlight=False, markup=False, no_color=True).print(drawn)
    for line in drawing.getvalue().splitlines():
        click.echo(line.rstrip())


def cell(value: object) -> str:
    """Write one value for people."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, Mapping):
        pairs = cast(Mapping[str, object], value).items()
        return " ".join(f"{name}={cell(one)}" for name, one in pairs)
    if isinstance(value, list | tuple):
        return " ".join(str(item) for item in cast(Sequence[object], value))
    return str(value)


def note(text: str) -> None:
    """Say something on standard error."""
    click.echo(text, err=True)


def note_alias(given: str, asked: str | None) -> None:
    """Say where a structure was known already, so that the id that was asked for became an alias."""
    if asked is not None and asked != given:
        note(f"known already: `{asked}` is an alias of `{given}` now")
