"""Lower ops of torch that a blueprint keeps as they are: the same call, and a check of what it gives.

Unlike other lowerings this one asks torch, for the schema of the op: it decides what may be written.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from esper_graph.compile.lowering.site import Lowered, Site
from esper_graph.compile.lowering.source import boolean, call, dtype, integer, number
from esper_graph.ops.attributes import sizes_in
from esper_graph.ops.dims import Dim, parse, symbols
from esper_graph.ops.values import DTYPES

if TYPE_CHECKING:
    from esper_graph.compile.opaque import Argument, Overload

_ABSENT = object()


def lower_opaque(site: Site) -> tuple[Lowered, ...]:
    """The call itself; a result of another shape or dtype than the recorded one is an error of the kernel."""
    from esper_graph.compile.opaque import CannotKeepError, gives_list, result_count

    try:
        op = checked(site.op_type, site.a)
    except CannotKeepError as error:
        raise site.refuse(str(error), "import the network again, or write it without this op") from None
    value = _written(op, site.a, site.tensor, site.size, site.device)
    count = len(site.outputs)
    if gives_list(op):
        listed = site.let(value)
        _unless(site, f"len({listed}) == {integer(count)}")
        found = [site.let(f"{listed}[{integer(number)}]") for number in range(count)]
    else:
        found = [site.let(value)] if result_count(op) == 1 else site.unpack(value, count)
    for slot, result in enumerate(found):
        kind = site.output(slot)
        _unless(site, f"{result}.size() == {site.sizes(kind.shape)}")
        _unless(site, f"{result}.dtype == {dtype(kind.dtype)}")
    return tuple(found)


def _unless(site: Site, condition: str) -> None:
    with site.writer.block(f"if not ({condition}):"):
        message = (
            f"node {integer(site.place)} of the kernel, an op of torch, gives another type than recorded"
        )
        site.writer.line(f'raise RuntimeError("{message}")')


def checked(op_type: str, a: Any) -> "Overload":
    """Return the op of a node, if torch has it and TorchScript takes the node's arguments for it.

    Raises:
        CannotKeepError: The op may not be kept, or the call is not written as its schema wants.
    """
    import torch

    from esper_graph.compile.opaque import (
        CannotKeepError,
        draws_numbers,
        gives_list,
        op_name,
        overload_named,
        result_count,
    )

    op = overload_named(op_type)
    if a.stochastic != draws_numbers(op):
        raise CannotKeepError(
            f"`stochastic` must be {str(draws_numbers(op)).lower()}, as torch says of the op"
        )
    if not gives_list(op) and len(a.output_shapes) != result_count(op):
        raise CannotKeepError(f"it gives {result_count(op)} results, not {len(a.output_shapes)}")
    names = {name: f"s{place}" for place, name in enumerate(sorted(_symbols(a)))}
    given = [f"x{place}: Tensor" for place in range(len(a.tensors))]
    given += [*(f"{name}: int" for name in names.values()), "device: Device"]
    text = _written(op, a, lambda place: f"x{place}", lambda size: _probe(size, names), "device")
    # TorchScript looks for the overload itself: see that it finds this one
    try:
        unit: Any = torch.jit.CompilationUnit(f"def call({', '.join(given)}):\n    return {text}\n")
    except RuntimeError as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason")
        raise CannotKeepError(f"TorchScript does not take the call: {reason}") from None
    kind = f"aten::{op_name(op)}"
    found = {str(node.schema()).partition("(")[0] for node in unit.call.graph.nodes() if node.kind() == kind}
    if found != {str(op._schema).partition("(")[0]}:  # noqa: SLF001 # pyright: ignore[reportPrivateUsage, reportUnknownMemberType, reportUnknownArgumentType]
        raise CannotKeepError(f"TorchScript takes the call for {', '.join(sorted(found)) or 'another op'}")
    return op


def _symbols(a: Any) -> set[str]:
    return {name for text in sizes_in(a.sizes) for name in symbols(parse(text))}


def _probe(size: Dim, names: dict[str, str]) -> str:
    from esper_graph.compile.lowering.source import expression

    return expression(size, names)


def _written(
    op: "Overload", a: Any, tensor: Callable[[int], str], size: Callable[[Dim], str], device: str
) -> str:
    """Write a call with every argument of the schema.

    Raises:
        CannotKeepError: An argument is missing, unknown, or not of the schema's type.
    """
    from esper_graph.compile.opaque import CannotKeepError, arguments_of, op_name

    inputs: dict[str, dict[str, str]] = {}
    for place, name in enumerate(a.tensors):
        argument, _, entry = name.partition(".")
        inputs.setdefault(argument, {})[entry] = tensor(place)
    left = {*inputs, *a.arguments, *a.sizes}
    order = [*inputs]
    listed: list[str] = []
    named: dict[str, str] = {}
    for argument in arguments_of(op):
        name = argument.name
        if argument.placement:
            if argument.kind == "Device" and not inputs:
                text = device
            elif argument.optional or argument.kind == "bool":
                text = "" if argument.named else "None" if argument.optional else "False"
            else:
                raise CannotKeepError(f"a blueprint does not say the {argument.kind} of `{name}`")
        elif name not in left:
            raise CannotKeepError(
                f"the argument `{name}` is missing: all are written, also those with a default"
            )
        elif name in inputs:
            if order.pop(0) != name:
                raise CannotKeepError(f"the inputs are not in the order of torch's schema at `{name}`")
            text = _tensors(argument, inputs[name])
        else:
            value = a.arguments.get(name, _ABSENT)
            text = _value(argument, a.sizes[name] if value is _ABSENT else value, size)
        left.discard(name)
        if argument.named and text:
            named[name] = text
        elif text:
            listed.append(text)
    if left:
        raise CannotKeepError(f"it has no argument `{min(left)}`")
    return call(op_name(op), *listed, **named)


def _tensors(argument: "Argument", entries: dict[str, str]) -> str:
    from esper_graph.compile.opaque import CannotKeepError

    if argument.kind != "Tensor" or argument.listed == ("" in entries):
        wanted = (
            f"a {argument.kind}" if argument.kind != "Tensor" else "a list" if argument.listed else "no list"
        )
        raise CannotKeepError(f"the argument `{argument.name}` is {wanted}, and an input is wired to it")
    if not argument.listed:
        return entries[""]
    places = range(max(map(int, entries)) + 1)
    if len(entries) < len(places) and not argument.gaps:
        raise CannotKeepError(f"the list `{argument.name}` lacks an entry")
    text = f"[{', '.join(entries.get(str(place), 'None') for place in places)}]"
    return f"torch.jit.annotate(List[Optional[Tensor]], {text})" if argument.gaps else text


def _value(argument: "Argument", value: Any, size: Callable[[Dim], str]) -> str:
    """Write an argument that is no tensor."""
    from esper_graph.compile.opaque import CannotKeepError

    if value is None and argument.optional:
        return "None"
    if isinstance(value, tuple) and argument.listed and (argument.kind != "Tensor" or not value):
        entries = [_entry(argument.kind, one, size) for one in value]  # pyright: ignore[reportUnknownVariableType]
        if entries and None not in entries:
            return f"[{', '.join(map(str, entries))}]"
        if not entries and argument.kind in _EMPTY:
            kind = f"Optional[{argument.kind}]" if argument.gaps else argument.kind
            return f"torch.jit.annotate(List[{kind}], [])"
    found = None if argument.listed else _entry(argument.kind, value, size)
    if found is None:
        wanted = f"a list of {argument.kind}" if argument.listed else f"of the type {argument.kind}"
        raise CannotKeepError(f"the argument `{argument.name}` is {value!r}, and must be {wanted}")
    return found


_EMPTY = ("Tensor", "int", "float", "bool")
"""Kinds of which TorchScript can write an empty list."""


def _entry(kind: str, value: Any, size: Callable[[Dim], str]) -> str | None:
    """Write one value, or None where it is not of the kind."""
    from esper_graph.compile.opaque import NUMBERS

    if kind in NUMBERS and type(value) is str:
        return size(parse(value))
    if kind in NUMBERS and type(value) is int:
        return integer(value)
    if kind in ("float", "number") and type(value) is float:
        return number(value)
    if kind in ("bool", "number") and type(value) is bool:
        return boolean(value)
    if kind == "ScalarType" and type(value) is str and value in DTYPES:
        return dtype(value)
    if kind == "str" and type(value) is str and value.replace("_", "a").isalnum() and value.isascii():
        return f'"{value}"'
    return None
