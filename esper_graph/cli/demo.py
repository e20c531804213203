"""`esper-graph demo`: the whole way, from files to kernels, on real architectures."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from esper_graph.cli.context import registry
from esper_graph.cli.output import Columns, note, table
from esper_graph.errors import LineageCycleError, LineageError

if TYPE_CHECKING:
    from esper_graph.ir.blueprint import BlueprintIR
    from esper_graph.property_graph.records import KernelRecord
    from esper_graph.registry import BlueprintRegistry

TAG = "demo"
REASON = "esper-graph demo"

TEMPLATES: Mapping[str, Mapping[str, Any]] = {
    "transformer_block": {},
    "attention_head": {},
    "mobilenet_block": {"in_channels": 40, "out_channels": 40},
    "squeezenet_fire": {},
    "moe_layer": {"input_dim": 128, "output_dim": 128},
    "expert_network": {"input_dim": 128, "output_dim": 128},
    "dynamic_routing": {"input_dim": 128},
    "conditional_computation": {"input_dim": 128},
    "probe_layer": {},
    "gradient_analyzer": {},
}


class Step(NamedTuple):
    """One derivation of the demo: with one parent it evolves, with two it crosses them."""

    id: str
    parents: tuple[str, ...]
    mutation_type: str
    edits: Sequence[Mapping[str, Any]]


def _set(node: str, attribute: str, value: Any) -> dict[str, Any]:
    return {"type": "modify_attribute", "node_id": node, "attribute": attribute, "value": value}


ROOT = "transformer_block_512_8"
STEPS: tuple[Step, ...] = (
    Step("demo_gelu", (ROOT,), "activation_swap", [_set("activation", "type", "gelu")]),
    Step("demo_wide", (ROOT,), "capacity_increase", [_set("ff1", "out_features", 3072)]),
    Step("demo_no_dropout", (ROOT,), "simplification", [{"type": "remove_node", "node_id": "dropout"}]),
    Step("demo_wide_gelu", ("demo_gelu", "demo_wide"), "crossover", [_set("ff1", "out_features", 3072)]),
    Step("demo_silu", ("demo_gelu",), "activation_swap", [_set("activation", "type", "silu")]),
    Step("demo_narrow", ("demo_no_dropout",), "pruning", [_set("ff1", "out_features", 1024)]),
    Step("demo_wide_silu", ("demo_wide_gelu",), "activation_swap", [_set("activation", "type", "silu")]),
)
_MAX_DEPTH = 200  # whole networks are deeper than the manifest allows without being asked
KERNELS = ("expert_network", "mobilenet_block", "demo_wide_gelu")


@click.command()
@click.option("--remove", is_flag=True, help="Remove what the demo registered.")
def demo(remove: bool) -> None:
    """Register, evolve, trace and compile real architectures; safe to repeat."""
    store = registry()
    if remove:
        _remove(store)
        return
    ids = _register(store)
    _evolve(store)
    _trace(store)
    _compile(store, ids)
    _what_next(store)


# ---------------------------------------------------------------- the chapters


def _register(store: "BlueprintRegistry") -> dict[str, str]:
    _title("Registering the ten templates and the example files")
    found = {
        name: store.register_one(one, reason=REASON, max_depth=_MAX_DEPTH) for name, one in _blueprints()
    }
    table(
        [(name, store[one.id], one.created) for name, one in found.items()],
        {
            "from": lambda row: row[0],
            "id": lambda row: row[1].id,
            "": lambda row: "registered" if row[2] else "known already",
            "nodes": lambda row: len(row[1].nodes),
            "parameters": lambda row: row[1].cost().parameters,
            "FLOPs": lambda row: row[1].cost().flops,
        },
    )
    return {name: one.id for name, one in found.items()}


def _evolve(store: "BlueprintRegistry") -> None:
    _title("Deriving seven blueprints over three generations, one of them from two parents")
    for step in STEPS:
        if step.id in store:
            continue
        if len(step.parents) == 1:
            store.evolve(step.parents[0], step.edits, step.mutation_type, blueprint_id=step.id, reason=REASON)
        else:
            store.register(_crossed(store, step), parents=step.parents, kind="crossover", reason=REASON)
        store.tag(step.id, TAG, reason=REASON)
    for step in STEPS:
        derivation = store.derivations(step.id)[0]
        edits = "; ".join(_edit_text(edit) for edit in derivation.edits)
        click.echo(f"{step.id:<18}from {' and '.join(step.parents)}: {edits or step.mutation_type}")


def _trace(store: "BlueprintRegistry") -> None:
    from esper_graph.cli.trees import draw_tree

    _title(f"The family of {ROOT}")
    click.echo(draw_tree(store.folded_tree(ROOT)))
    columns: Columns = {
        "generation": lambda one: one.generation,
        "id": lambda one: one.id,
        "parents": lambda one: one.parents,
    }
    for title, answer in (
        ("What demo_wide_silu derives from", store.ancestors("demo_wide_silu")),
        ("What derives from demo_gelu", store.descendants("demo_gelu")),
    ):
        _title(title)
        table(answer, columns)
        click.echo(f"complete: {'yes' if answer.complete else 'no'}, {len(answer)} of {answer.total}")
    _title("A derivation that would close a cycle is refused")
    try:
        store.link(ROOT, "demo_wide_silu", reason=REASON)
    except LineageCycleError as error:
        click.echo(error.message)
        click.echo(f"  path  {' -> '.join(error.path)}")
    else:
        raise AssertionError("the cycle was accepted")


def _compile(store: "BlueprintRegistry", ids: Mapping[str, str]) -> None:
    _title("Compiling three kernels and comparing them with the reference interpreter")
    records: list[KernelRecord] = []
    for name in KERNELS:
        kernel = store.compile(ids.get(name, name), reason=REASON)
        records.append(store.kernel(kernel.digest))
    table(
        records,
        {
            "blueprint": lambda one: one.blueprint,
            "digest": lambda one: one.digest[:16],
            "bytes": lambda one: one.size_bytes,
            "checks": lambda one: (
                f"{sum(check['passed'] for check in one.validation['checks'])} of "
                f"{len(one.validation['checks'])} passed"
            ),
            "largest relative error": lambda one: one.validation["worst_error"],
        },
    )


def _what_next(store: "BlueprintRegistry") -> None:
    _title("What to try next")
    for line in (
        "esper-graph blueprint show demo_wide_gelu",
        "esper-graph lineage tree demo_silu",
        "esper-graph evolve apply demo_silu --set ff1.out_features=4096 --type capacity_increase",
        "esper-graph kernel verify DIGEST",
        "esper-graph query show browse/family_tree        to paste into Neo4j Browser",
        "esper-graph demo --remove",
    ):
        click.echo(f"  {line}")
    if store.settings.is_embedded:
        from esper_graph.store.engines import embedded, embedded_runtime

        running = embedded.status(store.settings)
        if running is not None:
            click.echo("To look at the graph, connect any Neo4j Browser to")
            click.echo(
                f"  {running.uri}  user {embedded_runtime.USERNAME}  database {embedded_runtime.DATABASE}"
            )
            click.echo(f"  password in {store.settings.data_directory / embedded_runtime.PASSWORD}")
    else:
        click.echo(f"To look at the graph, open Neo4j Browser and connect it to {store.settings.uri}")


def _remove(store: "BlueprintRegistry") -> None:
    """Purge what the demo registered, descendants first; what others built upon stays."""
    from esper_graph.errors import KernelError

    waiting = {one.id: one.generation for one in store.list(tags=[TAG], archived=True)}
    removed = kept = 0
    for one in sorted(waiting, key=lambda one: -waiting[one]):
        first = next(iter(store.history(one)), None)
        if first is None or first.reason != REASON:
            store.untag(one, TAG, reason=REASON)
            continue
        digests = {kernel.digest for kernel in store.kernels(one)}
        try:
            store.purge(one, reason=REASON)
            removed += 1
        except LineageError as error:
            note(f"kept `{one}`: {error.message}")
            kept += 1
            continue
        for digest in digests:
            try:
                store.remove_kernel_bytes(digest)
            except KernelError as error:
                note(f"kept the bytes of kernel `{digest[:16]}`: {error.message}")
    note(f"removed {removed} blueprints{f', kept {kept}' if kept else ''}")


# ---------------------------------------------------------------- helpers


def _blueprints() -> Iterator[tuple[str, "BlueprintIR"]]:
    from esper_graph import templates
    from esper_graph.config import shipped
    from esper_graph.ir.blueprint import BlueprintIR

    for name, arguments in TEMPLATES.items():
        made = getattr(templates, f"create_{name}")(**arguments)
        yield name, made.changed(tags=[*made.tags, TAG])
    files = [file for file in shipped("examples").iterdir() if file.name.endswith(".json")]
    for file in sorted(files, key=lambda file: file.name):
        made = BlueprintIR.from_json(file.read_bytes())
        yield file.name, made.changed(tags=[*made.tags, TAG])


def _crossed(store: "BlueprintRegistry", step: Step) -> "BlueprintIR":
    """The first parent with what distinguishes the second."""
    from esper_graph.ir.edit import apply_edits

    outcome = apply_edits(store[step.parents[0]], step.edits)
    return outcome.blueprint.changed(id=step.id)


def _edit_text(edit: Mapping[str, Any]) -> str:
    match edit["type"]:
        case "modify_attribute":
            return f"{edit['node_id']}.{edit['attribute']} = {edit['value']}"
        case "repair_attribute":
            return f"repaired {edit['node_id']}.{edit['attribute']} = {edit['value']}"
        case "remove_node":
            return f"without {edit['node_id']}"
        case other:
            return str(other)


def _title(text: str) -> None:
    click.echo()
    click.secho(text, bold=True)
