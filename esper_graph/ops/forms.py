"""Attributes that depend on one another: forms chosen by `type`, entries per direction, defaults taken over.

>>> class Shape(Typed): ...
>>> class Circle(Shape, kinds=("circle",)):
...     radius: float = 1.0
>>> Shape.model_validate({"type": "circle"}).model_dump_json()
'{"type":"circle","radius":1.0}'
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BeforeValidator,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails, InitErrorDetails, PydanticCustomError

from esper_graph.errors import close_names, suggestion
from esper_graph.ops.attributes import Attributes, Count, Size

_Form = type[Any]
"""A subclass of `Typed`; inside that class `type` is the attribute."""


class Typed(Attributes):
    """Base of attribute models whose further attributes follow from `type`.

    A direct subclass stands for the op. Its own subclasses are the forms; each names the kinds it is for:
    `class Elu(Activation, kinds=("elu",))`. Validating the op's model gives an instance of a form, which
    holds the attributes of its kind and no others.

    Attributes:
        type: Which kind it is; other spellings in `aliases` are brought to this one.
    """

    type: str
    aliases: ClassVar[Mapping[str, str]] = MappingProxyType({})
    forms: ClassVar[dict[str, _Form]] = {}

    def __init_subclass__(cls, kinds: tuple[str, ...] = (), **options: Any) -> None:
        super().__init_subclass__(**options)
        if Typed in cls.__bases__:
            cls.forms = {}
        for kind in kinds:
            cls.forms[kind] = cls

    @classmethod
    def __pydantic_init_subclass__(cls, kinds: tuple[str, ...] = (), **options: Any) -> None:
        """Accept the class argument `kinds`, which was used before."""
        super().__pydantic_init_subclass__(**options)

    @model_validator(mode="wrap")
    @classmethod
    def _choose_form(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("type"), str):  # pyright: ignore[reportUnknownMemberType]
            return handler(data)
        given: dict[str, Any] = {**data}
        written = given["type"]
        kind = given["type"] = cls.aliases.get(written, written)
        form = cls.forms.get(kind)
        if form is None:
            raise _refusal([_unknown_kind(cls, written)])
        foreign = [name for name in given if name not in form.model_fields]
        problems = [_foreign(form, kind, name, given.pop(name)) for name in foreign]
        try:
            found = handler(given) if form is cls else form.model_validate(given)
        except ValidationError as error:
            problems += map(_detail, error.errors())
        else:
            if not problems:
                return found
        raise _refusal(problems)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Describe the op's model as a choice between its forms."""
        if Typed not in cls.__bases__:
            return handler(core)
        choices: list[JsonSchemaValue] = []
        for form in dict.fromkeys(cls.forms.values()):
            schema = form.model_json_schema()
            kinds = sorted(kind for kind, chosen in cls.forms.items() if chosen is form)
            kinds += sorted(alias for alias, kind in cls.aliases.items() if kind in kinds)
            schema["properties"]["type"] = {"enum": kinds}
            choices.append(schema)
        return {"oneOf": choices, "title": cls.__name__}


def _refusal(problems: list[InitErrorDetails]) -> ValidationError:
    return ValidationError.from_exception_data("attributes", problems)


def _detail(found: ErrorDetails) -> InitErrorDetails:
    return InitErrorDetails(
        type=found["type"], loc=found["loc"], input=found["input"], ctx=found.get("ctx", {})
    )


def _unknown_kind(model: type[Typed], kind: str) -> InitErrorDetails:
    known = [*model.forms, *model.aliases]
    hint = suggestion(close_names(kind, known)) or f"the kinds are {', '.join(sorted(known))}"
    error = PydanticCustomError("unknown_kind", "there is no such kind; {hint}", {"hint": hint})
    return InitErrorDetails(type=error, loc=("type",), input=kind)


def _foreign(form: type[Typed], kind: str, name: str, value: object) -> InitErrorDetails:
    known = [field for field in form.model_fields if field != "type"]
    others = f"its attributes are {', '.join(known)}" if known else "it has none besides `type`"
    hint = suggestion(close_names(name, known)) or others
    error = PydanticCustomError(
        "foreign_attribute", "the type {kind} has no such attribute; {hint}", {"kind": kind, "hint": hint}
    )
    return InitErrorDetails(type=error, loc=(name,), input=value)


def _spread(count: int) -> WrapValidator:
    """Write one entry as `count` of them; a wrong one is complained about once."""

    def spread(value: object, handler: ValidatorFunctionWrapHandler) -> Any:
        if isinstance(value, tuple):
            return handler(value)
        try:
            return handler((value,) * count)
        except ValidationError as error:
            raise _refusal([_detail(error.errors()[0])]) from None

    return WrapValidator(spread)


def like(name: str) -> BeforeValidator:
    """Take the value of an earlier attribute where None is given.

    Where the earlier one is wrong itself, 1 stands in, so that only the earlier one is complained about.
    """

    def take(value: object, info: ValidationInfo) -> object:
        return info.data.get(name, 1) if value is None else value

    return BeforeValidator(take)


def turned_off_without(name: str) -> Callable[[bool, ValidationInfo], bool]:
    """Return a validator of a switch that means nothing, and is False, where another switch is off."""

    def settle_switch(value: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - pydantic's signature
        return value and bool(info.data.get(name, True))

    return settle_switch


SizeOfOne = Annotated[tuple[Size], _spread(1)]
"""A size for the only direction, in a tuple of one; a bare number is accepted."""
SizeOfTwo = Annotated[tuple[Size, Size], _spread(2)]
"""Sizes for height and width; one number stands for both."""
CountOfOne = Annotated[tuple[Count], _spread(1)]
"""A size that may be zero, for the only direction."""
CountOfTwo = Annotated[tuple[Count, Count], _spread(2)]
"""Sizes that may be zero, for height and width."""
OpenSizeOfOne = Annotated[tuple[Size | None], _spread(1)]
"""A size, or None for that of the input, for the only direction."""
OpenSizeOfTwo = Annotated[tuple[Size | None, Size | None], _spread(2)]
"""Sizes, or None for that of the input, for height and width."""
