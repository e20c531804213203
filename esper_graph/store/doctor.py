"""Look for damage: what is in the store but not as it was written.

Each audit is one file in `cypher/audit/` with the columns `subject` and `message`; a new file is a new audit.
Three more need Python: whether nodes have the label of their op's family, whether a blueprint still has the
content that was registered, and whether the bytes of the kernels are here.
"""

from collections.abc import Callable, Collection, Iterator, Sequence

from esper_graph.errors import BlueprintError, BlueprintNotFoundError, IntegrityError
from esper_graph.ops import OPS
from esper_graph.property_graph.catalogue import get, names
from esper_graph.property_graph.likeness import Likeness, likeness
from esper_graph.property_graph.records import Damage
from esper_graph.store.engines import Engine
from esper_graph.store.likeness import stored
from esper_graph.store.materialise import Recorded, recorded

_BATCH = 50
_COLUMNS = ("subject", "message")
_IN_PYTHON = ("families", "content", "kernel_bytes")


def checks() -> tuple[str, ...]:
    """List the names of all checks, in the order in which they run."""
    return (*(name.removeprefix("audit/") for name in _audits()), *_IN_PYTHON)


def examine(
    engine: Engine,
    *,
    kernel_digests: Collection[str] | None = None,
    content: bool = True,
    progress: Callable[[str], None] | None = None,
) -> list[Damage]:
    """Run all checks.

    Args:
        kernel_digests: Digests of the kernels whose bytes are here; None leaves that check out.
        content: Whether to read every blueprint and compare its digest, costs and features, which takes the
            longest.
        progress: Called with the name of each check before it runs.

    Returns:
        What was found, in the order of the checks, then by subject; empty when all is well.
    """
    tell = progress or _ignore
    found: list[Damage] = []
    for name in _audits():
        check = name.removeprefix("audit/")
        tell(check)
        found += [Damage(check, row["subject"], row["message"]) for row in engine.read(get(name))]
    tell("families")
    found += _families(engine)
    if content:
        tell("content")
        found += _changed(engine)
    if kernel_digests is not None:
        tell("kernel_bytes")
        present = frozenset(kernel_digests)
        found += [
            Damage("kernel_bytes", row["digest"], "the kernel is recorded, but its bytes are not here")
            for row in engine.read(get("kernel/digests"))
            if row["digest"] not in present
        ]
    return found


def _audits() -> list[str]:
    return [name for name in names() if name.startswith("audit/") and get(name).returns == _COLUMNS]


def _families(engine: Engine) -> Iterator[Damage]:
    """Name nodes whose labels are not those of their op; what ops of users are, only their process knows."""
    for row in engine.read(get("audit/families")):
        op = OPS.get(row["op_type"])
        if op is not None and set(row["labels"]) != {"OpNode", op.family}:
            labels = " ".join(sorted(row["labels"]))
            message = (
                f"{row['nodes']} such `{row['op_type']}` has the labels {labels}, not OpNode {op.family}"
            )
            yield Damage("families", row["example"], message)


def _changed(engine: Engine) -> Iterator[Damage]:
    """Materialise every blueprint and name those whose content is not what was registered."""
    ids = [row["id"] for row in engine.read(get("audit/blueprint_ids"))]
    for begin in range(0, len(ids), _BATCH):
        yield from _changed_among(engine, ids[begin : begin + _BATCH])


def _changed_among(engine: Engine, ids: Sequence[str]) -> Iterator[Damage]:
    """Read many at once, and one at a time only where something is wrong with some of them."""
    try:
        found = recorded(engine, ids)
        written = stored(engine, ids)
        for name, one in found.items():
            yield from _differences(name, one)
            if written[name].is_present:
                yield from _unlike(name, likeness(one.blueprint), written[name])
    except (IntegrityError, BlueprintError, BlueprintNotFoundError) as error:
        if len(ids) == 1:
            yield Damage("content", ids[0], error.message)
            return
        middle = len(ids) // 2
        yield from _changed_among(engine, ids[:middle])
        yield from _changed_among(engine, ids[middle:])


def _differences(blueprint_id: str, one: Recorded) -> Iterator[Damage]:
    """Compare what follows from the content with what was recorded beside it."""
    found: dict[str, object] = {"fingerprint": one.blueprint.fingerprint}
    total = one.blueprint.cost(one.reference_binding)
    found |= {name: getattr(total, name) for name in ("parameters", "flops", "macs", "memory_mb")}
    found["uncounted"] = len(total.uncounted) or None
    for name, value in found.items():
        if one.properties.get(name) != value:
            message = f"its {name} is recorded as {one.properties.get(name)}, but is {value}"
            yield Damage("content", blueprint_id, message)


def _unlike(blueprint_id: str, right: Likeness, written: Likeness) -> Iterator[Damage]:
    """Compare features and edit keys of the content with those that are written."""
    for key in sorted(right.features.keys() | written.features.keys()):
        there, wanted = (one.features.get(key, 0) for one in (written, right))
        if wanted != there:
            message = f"its feature `{key}` is written {there} times, but is there {wanted}"
            yield Damage("content", blueprint_id, message)
    mine, found = set(right.edit_keys), set(written.edit_keys)
    if mine != found:
        lost, foreign = len(mine - found), len(found - mine)
        message = f"{lost} of its {len(mine)} edit keys are not written, {foreign} are not its"
        yield Damage("content", blueprint_id, message)


def _ignore(check: str) -> None:
    """Tell nobody."""
