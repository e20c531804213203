"""An answer that says whether it is all there is."""

from collections.abc import Generator, Iterable, Iterator
from typing import Literal, Self, TypeVar

T = TypeVar("T")
Limit = Literal["limit", "depth", "time", "bytes", "df_cut", "external", "lineage_only"]
"""`external`: it goes on at parents that this store knows by name only. `lineage_only`: what has no content
here is left out."""


class Answer(tuple[T, ...]):  # noqa: SLOT001, it has attributes of its own
    """A list of results that knows what it leaves out; a tuple in every other respect.

    Attributes:
        truncated_by: What cut the answer short; None when it is complete.
        omitted_count: How many results are missing: 0 when it is complete, None where nobody counted.
        total: How many there are in all; None where nobody counted.

    Example:
        >>> answer = Answer(["a", "b"], truncated_by="limit", total=5)
        >>> answer.complete, answer.omitted_count, answer[0]
        (False, 3, 'a')
    """

    truncated_by: Limit | None
    omitted_count: int | None
    total: int | None

    def __new__(  # noqa: D102, described by the class
        cls,
        items: Iterable[T] = (),
        *,
        truncated_by: Limit | None = None,
        total: int | None = None,
    ) -> Self:
        answer = super().__new__(cls, items)
        answer.truncated_by = truncated_by
        answer.total = total if truncated_by else len(answer)
        answer.omitted_count = None if answer.total is None else answer.total - len(answer)
        return answer

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return self.truncated_by is None


class Stream(Iterator[T]):
    """Results as they arrive, that know at the end whether they were all; close it to stop early.

    Attributes:
        complete: Whether all have arrived and nothing is missing.
        truncated_by: What cut them short; None as long as they arrive, and where nothing did.

    Example:
        >>> def two():
        ...     yield from "ab"
        ...     return "external"
        >>> stream = Stream(two())
        >>> list(stream), stream.complete, stream.truncated_by
        (['a', 'b'], False, 'external')
    """

    complete: bool
    truncated_by: Limit | None

    def __init__(self, results: Generator[T, None, Limit | None]) -> None:
        self._results = results
        self._arriving = True
        self.complete, self.truncated_by = False, None

    def __next__(self) -> T:
        try:
            return next(self._results)
        except StopIteration as end:
            if self._arriving:
                self.complete, self.truncated_by = end.value is None, end.value
            self._arriving = False
            raise
        except BaseException:
            self._arriving = False
            raise

    def close(self) -> None:
        """Let go of what has not arrived."""
        self._arriving = False
        self._results.close()
