"""Write a blueprint as the source of a flat TorchScript module."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from esper_graph.compile.choices import Choice, Value, choices
from esper_graph.compile.job import CompileJob, Mode
from esper_graph.compile.lowering import LOWERINGS
from esper_graph.compile.lowering.site import Lowered, Region, Site, Slot, State
from esper_graph.compile.lowering.source import Writer, expression, integer
from esper_graph.compile.regions import regions
from esper_graph.compile.rows import Rows, taken_rows
from esper_graph.errors import LoweringError
from esper_graph.ir.graph import Graph
from esper_graph.ir.shapes import Inference
from esper_graph.ops.dims import Dim, Expression, evaluate, symbol, symbols
from esper_graph.ops.values import TensorType, ValueType

PASSES: Mapping[Mode, tuple[str, ...]] = MappingProxyType(
    {
        "train": ("drop_unused@1",),
        "infer": ("drop_effects@1", "drop_unused@1", "settle_evaluation@1", "skip_rows@1"),
    }
)
"""What happens to a blueprint on its way into a kernel of each mode, with versions."""


@dataclass(frozen=True, slots=True)
class Program:
    """A kernel as text, and what its module must hold.

    Attributes:
        source: Definitions of the module's methods.
        slots: Parameters and buffers.
        state: Taps, counters and constants.
        inputs: Number of arguments.
        outputs: Number of results.
    """

    source: str
    slots: tuple[Slot, ...]
    state: State
    inputs: int
    outputs: int


def emit(job: CompileJob) -> Program:
    """Write the source of a valid blueprint's kernel.

    Raises:
        LoweringError: An op or a size cannot be expressed.
    """
    return _Emitter(job).program()


class _Emitter:
    def __init__(self, job: CompileJob) -> None:
        self.job = job
        self.graph: Graph = job.blueprint.graph
        self.inference: Inference = job.blueprint.inference
        self.regions = regions(self.graph, job.mode)
        self.choices: Mapping[int, Choice] = (
            choices(self.graph, self.inference, self.regions.main) if job.mode == "infer" else {}
        )
        self.rows: Rows | None = None
        self.writer = Writer()
        self.state = State(counts_calls=any(every > 1 for every in self.regions.every.values()))
        self.slots = _slots(self.graph, job.origins)
        self.held: list[tuple[Lowered, ...]] = [() for _ in self.graph.nodes]
        self.arguments = {place: f"x{number}" for number, place in enumerate(self.graph.of_type("input"))}
        self.symbols: dict[str, str] = {}

    def program(self) -> Program:
        self._inputs()
        later = {
            place
            for choice in self.choices.values()
            for behind in choice.behind.values()
            for place in behind.places
        }
        for place in self.regions.main:
            if self.graph.nodes[place].op_type not in ("input", "output") and place not in later:
                self._lower(place, "main")
        self._probes()
        results: list[str] = []
        for place in self.graph.of_type("output"):
            (result,) = self._arriving(place)
            assert isinstance(result, str), "outputs take tensors only"
            results.append(result)
        body = self.writer.lines
        self.writer = Writer()
        self._gradients()
        slots = [slot for owned in self.slots for slot in owned.values()]
        unique = tuple({slot.name: slot for slot in slots}.values())
        source = self._methods(results, body, self.writer.lines)
        return Program(source, unique, self.state, len(self.arguments), len(results))

    # ---------------------------------------------------------------- arguments

    def _inputs(self) -> None:
        """Read the sizes of the symbols off the arguments, and refuse arguments of another shape."""
        types: dict[str, TensorType] = {}
        for place, argument in self.arguments.items():
            outputs = self.inference.outputs[place]
            assert outputs is not None
            assert isinstance(outputs[0], TensorType)
            types[argument] = outputs[0]
        for argument, kind in types.items():
            self._refuse(f"{argument}.dim() != {integer(kind.rank)}", argument, f"must have {kind.rank} axes")
        later: list[tuple[str, int, Dim]] = []
        for argument, kind in types.items():
            for axis, size in enumerate(kind.shape):
                if not self._define(argument, axis, size):
                    later.append((argument, axis, size))
        for argument, axis, size in later:
            missing = sorted(symbols(size) - self.symbols.keys())
            if missing:
                raise LoweringError(
                    f"the size `{missing[0]}` cannot be read off any input: `{size}` does not determine it",
                    hint="give one input an axis of that size alone",
                )
            found = expression(size, self.symbols)
            shown = f"must be {size}" if isinstance(size, int) else "must fit the sizes of the other inputs"
            self._refuse(f"{argument}.size({axis}) != {found}", argument, f"axis {axis} {shown}")
        self._assumptions()
        for place, argument in self.arguments.items():
            self.held[place] = (self._tapped(place, 0, argument),)

    def _assumptions(self) -> None:
        """Refuse sizes for which shapes were not inferred: torch would cut off where the IR refuses."""
        conditions: dict[str, str] = {}
        for place, assumption in self.inference.assumptions:
            size, by = (expression(one, self.symbols) for one in (assumption.size, assumption.by))
            condition = f"{size} < 1" if assumption.kind == "positive" else f"{size} % {by} != 0"
            conditions.setdefault(condition, self.graph.nodes[place].op_type)
        for condition, op_type in conditions.items():
            assert op_type.replace(".", "_").isidentifier(), "a key of the table of ops"
            with self.writer.block(f"if {condition}:"):
                message = f"the sizes of the inputs do not fit an op of the kernel ({op_type})"
                self.writer.line(f'raise RuntimeError("{message}")')

    def _define(self, argument: str, axis: int, size: Dim) -> bool:
        """Take an axis as the definition of a symbol; tell whether nothing is left to check."""
        names = symbols(size)
        if len(names) != 1 or next(iter(names)) in self.symbols:
            return False
        (name,) = names
        rate, base = evaluate(size, {name: 1}) - evaluate(size, {name: 0}), evaluate(size, {name: 0})
        linear = isinstance(size, Expression) and all(
            sum(power for _, power in monomial) <= 1 and all(isinstance(atom, str) for atom, _ in monomial)
            for monomial, _ in size.terms
        )
        if not linear or rate < 1:
            return False
        variable = self.symbols[name] = f"s{len(self.symbols)}"
        if (rate, base) == (1, 0):
            self.writer.line(f"{variable} = {argument}.size({integer(axis)})")
            return True
        self.writer.line(
            f"{variable} = ({argument}.size({integer(axis)}) - {integer(base)}) // {integer(rate)}"
        )
        return False

    def _refuse(self, condition: str, argument: str, message: str) -> None:
        with self.writer.block(f"if {condition}:"):
            self.writer.line(f'raise RuntimeError("input {argument[1:]} of the kernel: {message}")')

    # ---------------------------------------------------------------- nodes

    def _types(self, place: int) -> list[ValueType | None]:
        types = self.graph.input_types(self.inference.outputs, place)
        assert types is not None, "only valid blueprints get here"
        return [*types] if self.rows is None else self.rows.inputs(place, types)

    def _arriving(self, place: int) -> list[Lowered | None]:
        """What is at the input ports; None where nothing is fed, or some rows only are computed."""
        choice = self.choices.get(place)
        arriving: list[Lowered | None] = [None] * len(self._types(place))
        for feed in self.graph.feeds[place]:
            if choice is None or feed.slot not in choice.behind or not choice.behind[feed.slot].roles:
                by_rows = self.rows is not None and self.rows.behind.roles[place][feed.slot]
                value = (feed.source, feed.source_slot)
                arriving[feed.slot] = self._found(value) if by_rows else self.held[value[0]][value[1]]
        return arriving

    def _found(self, value: Value) -> Lowered:
        """What holds a value, or the rows of it that are computed here."""
        if self.rows is not None and value in self.rows.taken:
            return self.rows.taken[value]
        return self.held[value[0]][value[1]]

    def _on_rows(self, place: int, slot: int, rows: str) -> str:
        """Write what stands behind an input of a choosing node, for some rows only."""
        choice, around = self.choices[place], self.rows
        behind, ones = choice.behind[slot], len(choice.lead) - 1
        name = f"rows {integer(place)} {integer(slot)}"  # no name that a blueprint can give
        self.symbols[name] = f"{rows}.size(0)"
        taken = {value: taken_rows(self.writer, self._found(value), rows, ones) for value in behind.taken}
        self.rows = Rows((symbol(name), *[1] * ones), behind, taken)
        for inner in behind.places:
            self._lower(inner, "main")
        result = self._found(behind.result)
        self.rows = around
        assert isinstance(result, str), "inference has refused tuples at tensor ports"
        return result

    def _probes(self) -> None:
        """Write what only metrics need, each as rarely as it is wanted."""
        if self.job.mode == "infer" or not (self.regions.probe or self.state.counts_calls):
            return
        with self.writer.block("if probe:"):
            for every, places in self.regions.probe.items():
                with (
                    self.writer.block(f"if self.calls % {integer(every)} == 0:")
                    if every > 1
                    else nullcontext()
                ):
                    for place in places:
                        if self.graph.nodes[place].op_type != "input":
                            self._lower(place, "probe")
            if self.state.counts_calls:
                self.writer.line("self.calls = self.calls + 1")

    def _tapped(self, place: int, slot: int, variable: str) -> str:
        """Add zeros to a value whose gradient is wanted: the gradient of the zeros is that of the value."""
        wanting = self.regions.taps.get((place, slot), ())
        # a new variable, because a lowering may return the one that it was given
        found = self.writer.let(variable) if wanting else variable
        for probe in wanting:
            name = f"t{integer(probe)}"
            self.state.taps.append(name)
            every = self.regions.every[probe]
            seldom = f" and self.calls % {integer(every)} == 0" if every > 1 else ""
            with self.writer.block(f"if probe and self.training and torch.is_grad_enabled(){seldom}:"):
                self.writer.line(f"self.{name} = torch.zeros_like({found}).requires_grad_(True)")
                self.writer.line(f"{found} = {found} + self.{name}")
        return found

    def _gradients(self) -> None:
        """Write what is computed from gradients; a value that the loss does not reach has none."""
        if not self.state.taps:
            return
        # torch types `.grad` as never None; out of a dictionary it is what it is
        self.writer.line("found: Dict[str, Optional[Tensor]] = {}")
        for name in self.state.taps:
            self.writer.line(f'found["{name}"] = self.{name}.grad')
            self.writer.line(f'g{name[1:]} = found["{name}"]')
        reached = " or ".join(f"g{name[1:]} is not None" for name in self.state.taps)
        with self.writer.block(f"if {reached}:"):
            for place in self.regions.gradient:
                every = self.regions.every[place]
                last = f"if (self.calls - 1) % {integer(every)} == 0:"
                telemetry = self.graph.nodes[place].op_type == "telemetry"
                with self.writer.block(last) if telemetry and every > 1 else nullcontext():
                    self._lower(place, "gradient")

    def _lower(self, place: int, region: Region) -> None:
        node, outputs = self.graph.nodes[place], self.inference.outputs[place]
        assert outputs is not None
        arriving = self._arriving(place)
        if region == "gradient" and node.op_type == "gradient_norm":
            tap, found = f"self.t{integer(place)}", f"g{integer(place)}"
            arriving = [self.writer.let(f"torch.zeros_like({tap})")]
            with self.writer.block(f"if {found} is not None:"):
                self.writer.line(f"{arriving[0]} = {found}")
        site = Site(
            node=node.id,
            op_type=node.op_type,
            place=place,
            a=self.graph.values[place],
            inputs=arriving,
            types=self._types(place),
            outputs=outputs if self.rows is None else [self.rows.seen(kind) for kind in outputs],
            mode=self.job.mode,
            writer=self.writer,
            symbols=self.symbols,
            slots=self.slots[place],
            state=self.state,
            device=self._device(),
            region=region,
            consumed=bool(self.graph.consumers[place]),
            on_rows=partial(self._on_rows, place) if place in self.choices else None,
        )
        lowering = LOWERINGS.get(node.op_type)
        if lowering is None:
            raise site.refuse(
                "the op has no lowering", "add one with `esper_graph.compile.register_lowering`"
            )
        if node.precision != "fp32":
            raise site.refuse(
                f"its precision is {node.precision}, and kernels compute in fp32 only",
                "leave `precision` at fp32 for now",
            )
        held = lowering(site)
        if len(held) != len(outputs):
            raise site.refuse(f"its lowering gives {len(held)} values where {len(outputs)} are declared")
        self.held[place] = tuple(
            self._tapped(place, slot, value) if isinstance(value, str) else value
            for slot, value in enumerate(held)
        )

    def _device(self) -> str:
        if self.arguments:
            return "x0.device"
        return next(
            (f"self.{slot.name}.device" for owned in self.slots for slot in owned.values()),
            'torch.device("cpu")',
        )

    # ---------------------------------------------------------------- methods

    def _methods(self, results: Sequence[str], body: Sequence[str], gradients: Sequence[str]) -> str:
        arguments = list(self.arguments.values())
        given = "".join(f", {argument}: Tensor" for argument in arguments)
        passed = "".join(f"{argument}, " for argument in arguments)
        kind = "Tensor" if len(results) == 1 else f"Tuple[{', '.join(['Tensor'] * len(results))}]"
        result = ", ".join(results)
        if self.job.mode == "infer":
            return "\n".join([f"def forward(self{given}) -> {kind}:", *body, f"    return {result}", ""])
        both = f"Tuple[{kind}, Dict[str, Tensor]]"
        wrapped = result if len(results) == 1 else f"({result})"
        return "\n".join(
            [
                f"def run(self{given}, probe: bool) -> {both}:",
                "    metrics: Dict[str, Tensor] = {}",
                *body,
                f"    return {wrapped}, metrics",
                f"def forward(self{given}) -> {kind}:",
                f"    return self.run({passed}False)[0]",
                f"def forward_with_metrics(self{given}) -> {both}:",
                f"    return self.run({passed}True)",
                "def gradient_metrics(self) -> Dict[str, Tensor]:",
                "    metrics: Dict[str, Tensor] = {}",
                *gradients,
                "    return metrics",
                "",
            ]
        )


def _slots(graph: Graph, origins: Mapping[str, str]) -> list[dict[str, Slot]]:
    """Name the tensors of each node; a node that shares uses those of the owner."""
    owned: list[dict[str, Slot]] = []
    for place, (node, op) in enumerate(zip(graph.nodes, graph.ops, strict=True)):
        parameters = op.parameters(graph.values[place]) if op is not None and node.shares is None else ()
        slots: dict[str, Slot] = {}
        for parameter in parameters:
            name = f"p{place}_{parameter.name.replace('.', '__')}"
            if not name.isidentifier() or not name.isascii():
                raise LoweringError(
                    f"`{parameter.name}` of the op `{node.op_type}` is not a parameter's name"
                )
            slots[parameter.name] = Slot(name, node.id, origins.get(node.id, node.id), parameter)
        owned.append(slots)
    return [
        owned[graph.position[node.shares]] if node.shares is not None else owned[place]
        for place, node in enumerate(graph.nodes)
    ]
