"""Where two sides of a merge contradict each other."""

from collections.abc import Sequence
from dataclasses import dataclass

CONFLICTS = (
    "op",  # both made it another op
    "attribute",  # both changed the same attribute or field, to different values
    "removed_and_changed",  # one side removed it, the other changed or used it
    "port",  # both rewired the same input
    "not_valid",  # the combination is no valid blueprint
)


@dataclass(frozen=True)
class Conflict:
    """One place where both sides contradict each other.

    Attributes:
        kind: One of `CONFLICTS`.
        node: The node concerned, by its id in the base (or, where it was added, in its own side); None where
            the blueprint as a whole is concerned.
        subject: The attribute, field or input port, or None.
        message: One sentence that says what is wrong.
        base: What the base has there, as text; likewise the two after it.
    """

    kind: str
    node: str | None
    subject: str | None
    message: str
    base: str = ""
    left: str = ""
    right: str = ""

    def __str__(self) -> str:
        return self.message


class Conflicts(list[Conflict]):
    """The conflicts found so far."""

    def choose(self, node: str, subject: str, texts: Sequence[str]) -> int:
        """Say whose value counts: 0 for the base's, 1 for the left side's, 2 for the right side's.

        Args:
            node: Where the value stands, and `subject` what it is, for the conflict.
            texts: The value in the base, on the left and on the right side.
        """
        base, left, right = texts
        if left == base:
            return 2 if right != base else 0
        if right not in (base, left):
            message = f"both sides change `{subject}` of `{node}`: {base} became {left} and {right}"
            self.append(Conflict("attribute", node, subject, message, base, left, right))
        return 1
