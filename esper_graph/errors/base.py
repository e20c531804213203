"""What every error has, and how hints are made."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import ClassVar


def close_names(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """List up to three known names that look like `name`, best first."""
    return tuple(get_close_matches(name, list(known), n=3, cutoff=0.6))


def suggestion(close: Sequence[str]) -> str | None:
    """Phrase close names as a hint, or None where there are none."""
    return f"did you mean {' or '.join(f'`{name}`' for name in close)}?" if close else None


def counted(number: int, noun: str) -> str:
    """Say how many: `1 call`, `2 calls`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class EsperGraphError(Exception):
    """Base of all errors of this package.

    Attributes:
        message: One sentence that says what is wrong, with both values.
        where: Lines that say where, outermost first.
        hint: What to do next, or None.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, where: Sequence[str] = (), hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = tuple(where)
        self.hint = hint

    def __str__(self) -> str:
        text = "\n".join([self.message, *(f"  {line}" for line in self.where)])
        return f"{text}\n\nhint: {self.hint}" if self.hint else text


class ConfigError(EsperGraphError):
    """A setting, an argument, the manifest or the installation is wrong."""

    exit_code = 2
