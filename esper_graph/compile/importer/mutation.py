"""Tensors that are changed in place: which nodes stand for the same memory, and what they hold then."""

import operator
from collections.abc import Callable, Mapping, MutableMapping

from torch import fx

from esper_graph.compile.importer.aten import mutates, name_of, relation
from esper_graph.compile.importer.call import Call, Raised
from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.raisers.shape import cut
from esper_graph.compile.importer.values import Wire

_IN_ORDER = frozenset(
    {"view", "view_as", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "_unsafe_view"}
)
"""Views that hold all elements in the same order, whatever their shape."""
_CUTS = frozenset({"slice", "select", "narrow"})
"""Views that hold a part along one axis."""


def rebind(call: Call, result: Raised, values: MutableMapping[fx.Node, Raised]) -> None:
    """Let all names of the tensor that a call changes in place stand for the new value.

    A part that was cut out is put back where it came from.

    Raises:
        CannotRaiseError: Another view of the same memory is used later.
    """
    changed = call.node.args[0]
    assert isinstance(changed, fx.Node)
    root = root_of(changed)
    if _relation_of(root) is not None:
        raise CannotRaiseError("it changes a view of several tensors in place")
    memory = _reached([root], lambda how: how is not None)
    beside = _beside(changed)
    later = [
        one
        for one in memory
        if one < call.node and one not in beside and any(user > call.node for user in one.users)
    ]
    settled: set[fx.Node] = set()
    while True:
        same = _same(changed)
        settled.update(same)
        for one in same:
            if one < call.node:
                values[one] = result
        if all(one in settled for one in later):
            return
        root = next(one for one in same if _relation_of(one) != "same")
        source = root.args[0] if _relation_of(root) == "view" else None
        if not isinstance(source, fx.Node):
            raise CannotRaiseError("it changes a tensor in place of which another part is used later")
        result = _put_back(call, root, result, values)
        changed = source


def changes_outside(
    region: fx.Node, inner: fx.Graph, given: Mapping[fx.Node, fx.Node], *, nested: bool
) -> bool:
    """Tell whether a region changes tensors in place that it was given.

    Args:
        given: What each placeholder of the inner graph stands for outside.
        nested: Whether the region is part of another one.

    Raises:
        CannotRaiseError: What is changed is seen by others, which the walk over the region would not tell.
    """
    calls = [one for one in inner.nodes if one.op == "call_function" and mutates(one.target)]
    changed = {root_of(one.args[0]) for one in calls if isinstance(one.args[0], fx.Node)} & given.keys()
    roots = {placeholder: root_of(outside) for placeholder, outside in given.items()}
    for placeholder in changed:
        memory = _reached([roots[placeholder]], lambda how: how is not None)
        if (
            any(user > region for one in memory for user in one.users)
            or [*roots.values()].count(roots[placeholder]) > 1
            or (nested and roots[placeholder].op == "placeholder")
        ):
            raise CannotRaiseError("it changes a tensor in place that is used outside too")
    return bool(changed)


def _put_back(call: Call, view: fx.Node, part: Raised, values: MutableMapping[fx.Node, Raised]) -> Wire:
    """Return the whole tensor after a part of it, or the whole in another shape, has changed."""
    source, name = view.args[0], name_of(view.target)
    assert isinstance(source, fx.Node)
    if name not in _IN_ORDER and name not in _CUTS:
        raise CannotRaiseError("it changes a view of a tensor in place")
    whole, wire = call.wire(values[source]), call.wire(part)
    shape = call.draft.type(whole).shape
    if name == "slice":
        dim, start, end, step = (*view.args[1:], *(0, None, None, 1)[len(view.args) - 1 :])
    elif name == "select":
        dim, start, end, step = view.args[1], view.args[2], view.args[2], 1
        assert isinstance(start, int)
        end = None if start == -1 else start + 1
    elif name == "narrow":
        dim, start, length = view.args[1:]
        step, end = 1, start + length if isinstance(start, int) and isinstance(length, int) else length
    else:
        if call.draft.type(wire).rank == 0:
            raise CannotRaiseError("it changes a view of a tensor in place")
        return call.reshape(wire, shape)
    if (
        step != 1
        or not isinstance(dim, int)
        or not all(one is None or isinstance(one, int) for one in (start, end))
    ):
        raise CannotRaiseError("it changes a part of a tensor in place, with steps or up to a size")
    before, size, after = shape[: dim % len(shape)], shape[dim % len(shape)], shape[dim % len(shape) + 1 :]
    if not isinstance(size, int):
        if start in (0, None) and (end is None or (isinstance(end, int) and end > 2**62)):
            return wire
        raise CannotRaiseError("it changes a part of an open axis in place")
    low, high, _ = slice(start, end).indices(size)
    parts: list[Wire] = []
    if low > 0:
        parts.append(cut(call, whole, dim, 0, low, 1))
    parts.append(call.reshape(wire, (*before, high - low, *after)))
    if high < size:
        parts.append(cut(call, whole, dim, high, None, 1))
    return parts[0] if len(parts) == 1 else call.add("concat", *parts, dim=dim % len(shape))


def root_of(node: fx.Node) -> fx.Node:
    """Return the node that made the memory which a node sees."""
    while _relation_of(node) is not None and isinstance(node.args[0], fx.Node):
        node = node.args[0]
    return node


def _beside(node: fx.Node) -> set[fx.Node]:
    """Find the nodes that see other parts of what was taken apart, such as the rest of a `split`."""
    found: set[fx.Node] = set()
    while _relation_of(node) is not None and isinstance(source := node.args[0], fx.Node):
        if node.target is operator.getitem:
            others = [one for one in source.users if one.args[1:] != node.args[1:]]
            found.update(_reached(others, lambda how: how is not None))
        node = source
    return found


def _same(node: fx.Node) -> list[fx.Node]:
    """Find the nodes that stand for the very same tensor."""
    root = node
    while _relation_of(root) == "same" and isinstance(root.args[0], fx.Node):
        root = root.args[0]
    return _reached([root], lambda how: how == "same")


def _reached(start: list[fx.Node], wanted: Callable[[str | None], bool]) -> list[fx.Node]:
    found: dict[fx.Node, None] = {}
    waiting = list(start)
    while waiting:
        one = waiting.pop()
        found[one] = None
        waiting += [
            user for user in one.users if user.args and user.args[0] is one and wanted(_relation_of(user))
        ]
    return list(found)


def _relation_of(node: fx.Node) -> str | None:
    if node.target is operator.getitem:  # one of the parts that an op gives
        source = node.args[0]
        return "view" if isinstance(source, fx.Node) and relation(source.target) == "view" else None
    return relation(node.target)
