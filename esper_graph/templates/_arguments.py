"""Check the arguments of a template before anything is built, and say everything that is wrong with them."""

from collections.abc import Iterable
from math import isfinite
from typing import TypeGuard

from esper_graph.errors import BlueprintError, Problem, close_names, suggestion
from esper_graph.ops import OPS
from esper_graph.ops.attributes import LARGEST
from esper_graph.ops.forms import Typed


class Arguments:
    """The arguments of one call; what is wrong with them is collected until `settle`.

    Example:
        >>> arguments = Arguments("create_transformer_block")
        >>> arguments.size(d_model=512, n_heads=0)
        >>> arguments.settle()
        Traceback (most recent call last):
        ...
        esper_graph.errors.BadAttributeError: `n_heads` is 0, not a whole number from 1 to 2147483647
          argument `n_heads` of `create_transformer_block`
    """

    def __init__(self, template: str) -> None:
        self.template = template
        self.problems: list[Problem] = []

    def size(self, **values: object) -> None:
        """A size is a whole number from 1 on."""
        for name, value in values.items():
            if type(value) is not int or not 1 <= value <= LARGEST:
                self._wrong(name, value, f"a whole number from 1 to {LARGEST}")

    def share(self, **values: object) -> None:
        """A share lies between 0 and 1."""
        for name, value in values.items():
            if not _is_number(value) or not 0 <= value <= 1:
                self._wrong(name, value, "a number from 0 to 1")

    def positive(self, **values: object) -> None:
        """A number above zero."""
        for name, value in values.items():
            if not _is_number(value) or value <= 0:
                self._wrong(name, value, "a finite number above 0")

    def not_negative(self, **values: object) -> None:
        """A number from zero on."""
        for name, value in values.items():
            if not _is_number(value) or value < 0:
                self._wrong(name, value, "a finite number from 0 on")

    def flag(self, **values: object) -> None:
        """True or False."""
        for name, value in values.items():
            if type(value) is not bool:
                self._wrong(name, value, "True or False")

    def choice(self, known: Iterable[str], **values: object) -> None:
        """One of the known names."""
        names = sorted(known)
        for name, value in values.items():
            if value not in names:
                hint = suggestion(close_names(str(value), names)) or f"known: {', '.join(names)}"
                self.refuse(name, f"there is no {name.replace('_', ' ')} {value!r}", hint, value=value)

    def multiple(self, whole: str, value: int, part: str, divisor: int) -> None:
        """One size is a multiple of another; what is wrong already is not complained about again."""
        if not self.problems and value % divisor:
            below = value - value % divisor or divisor
            hint = f"set `{whole}` to a multiple such as {below}"
            self.refuse(whole, f"{whole}={value} is not a multiple of {part}={divisor}", hint, value=value)

    def refuse(self, name: str, message: str, hint: str | None = None, **facts: object) -> None:
        """Note that an argument is wrong."""
        where = f"argument `{name}` of `{self.template}`"
        self.problems.append(Problem("bad_attribute", message, where, hint, {"argument": name, **facts}))

    def settle(self) -> None:
        """Go on only if nothing is wrong.

        Raises:
            BadAttributeError: Something is; all of it is named.
        """
        if self.problems:
            raise BlueprintError.of(self.problems)

    def _wrong(self, name: str, value: object, wanted: str) -> None:
        self.refuse(name, f"`{name}` is {value!r}, not {wanted}", value=value)


def activations() -> tuple[str, ...]:
    """Name the activations that need no settings and keep the shape of their input."""
    model = OPS["activation"].attributes
    assert issubclass(model, Typed)
    ready = {
        kind
        for kind, form in model.forms.items()
        if all(name == "type" or not field.is_required() for name, field in form.model_fields.items())
    }
    ready.discard("glu")  # halves the features
    return tuple(sorted(ready | {alias for alias, kind in model.aliases.items() if kind in ready}))


def _is_number(value: object) -> TypeGuard[float]:
    return (type(value) is int or type(value) is float) and isfinite(value)
