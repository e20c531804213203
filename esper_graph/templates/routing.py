"""Computation that depends on the row: several paths to choose from, a body to skip."""
# ruff: noqa: FBT001, FBT002 - the specification fixes these signatures

from collections.abc import Callable

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder, Wire
from esper_graph.templates._arguments import Arguments, activations
from esper_graph.templates._naming import finished


def create_dynamic_routing(
    input_dim: int,
    num_paths: int = 4,
    routing_temperature: float = 1.0,
    hard_routing: bool = False,
) -> BlueprintIR:
    """A router weighs paths of different character for each row; their results are summed and projected.

    The paths take turns: wide, narrow, identity, frequencies. A path of another width ends in a linear
    adapter back to `input_dim`.

    Args:
        input_dim: Features of a row; at least 2 where there is a narrow path.
        num_paths: How many paths there are.
        routing_temperature: The router's scores are divided by it: low ones make it decided.
        hard_routing: Each row takes one path only; training adds Gumbel noise, evaluation none.

    Raises:
        BadAttributeError: An argument is wrong.

    Example:
        >>> create_dynamic_routing(64, num_paths=2).estimated_parameters
        25058
    """
    arguments = Arguments("create_dynamic_routing")
    arguments.size(input_dim=input_dim, num_paths=num_paths)
    arguments.positive(routing_temperature=routing_temperature)
    arguments.flag(hard_routing=hard_routing)
    if not arguments.problems and input_dim < 2 <= num_paths:
        arguments.refuse(
            "input_dim",
            f"input_dim={input_dim} cannot be halved for the narrow path of num_paths={num_paths}",
            "set `input_dim` to 2 or more, or `num_paths` to 1",
            value=input_dim,
        )
    arguments.settle()

    b = Builder(
        f"dynamic_routing_{num_paths}paths",
        name=f"Dynamic routing over {num_paths} paths",
        tags=["adaptive", "conditional", "multi_path", "routing"],
    )
    rows = b.input([-1, input_dim])
    scores = b.linear(rows, in_features=input_dim, out_features=num_paths, id="router_linear")
    weights = b.activation(
        scores, type="softmax", temperature=routing_temperature, hard=hard_routing, id="router_softmax"
    )
    results = [
        _PATHS[number % len(_PATHS)](b, rows, input_dim, f"path{number + 1}") for number in range(num_paths)
    ]
    combined = b.weighted_sum(weights, *results, num_inputs=num_paths, id="combine")
    b.output(b.linear(combined, in_features=input_dim, out_features=input_dim, id="output_proj"))
    return finished(
        b.finish(),
        create_dynamic_routing,
        input_dim=input_dim,
        routing_temperature=routing_temperature,
        hard_routing=hard_routing,
    )


def _wide(b: Builder, rows: Wire, width: int, path: str) -> Wire:
    x = b.linear(rows, in_features=width, out_features=2 * width, id=f"{path}_linear", compute_intensity=2.0)
    x = b.activation(x, type="relu", id=f"{path}_act")
    return b.linear(x, in_features=2 * width, out_features=width, id=f"{path}_adapter")


def _narrow(b: Builder, rows: Wire, width: int, path: str) -> Wire:
    x = b.linear(rows, in_features=width, out_features=width // 2, id=f"{path}_linear", compute_intensity=0.5)
    return b.linear(x, in_features=width // 2, out_features=width, id=f"{path}_adapter")


def _identity(b: Builder, rows: Wire, width: int, path: str) -> Wire:
    return b.identity(rows, id=f"{path}_identity", compute_intensity=0.0)


def _frequencies(b: Builder, rows: Wire, width: int, path: str) -> Wire:
    x = b.fft(rows, dim=-1, id=f"{path}_fft", compute_intensity=1.5)
    x = b.linear(x, in_features=width, out_features=width, id=f"{path}_linear")
    return b.ifft(x, dim=-1, id=f"{path}_ifft")


_PATHS: tuple[Callable[[Builder, Wire, int, str], Wire], ...] = (_wide, _narrow, _identity, _frequencies)


def create_conditional_computation(
    input_dim: int,
    hidden_dim: int | None = None,
    activation: str = "relu",
    temperature: float = 1.0,
    hard: bool = True,
) -> BlueprintIR:
    """A learned gate decides for each row whether a body of two linear maps computes it or it just passes.

    Args:
        input_dim: Features of a row.
        hidden_dim: Features inside the body; None means four times `input_dim`.
        activation: Function inside the body.
        temperature: The gate's scores are divided by it: low ones make it decided.
        hard: A row takes one of the two ways only, so a kernel need not compute the other in evaluation;
            False blends both.

    Raises:
        BadAttributeError: An argument is wrong.

    Example:
        >>> create_conditional_computation(64).estimated_parameters
        33218
    """
    arguments = Arguments("create_conditional_computation")
    arguments.size(input_dim=input_dim)
    if hidden_dim is not None:
        arguments.size(hidden_dim=hidden_dim)
    arguments.choice(activations(), activation=activation)
    arguments.positive(temperature=temperature)
    arguments.flag(hard=hard)
    arguments.settle()
    inner_dim = 4 * input_dim if hidden_dim is None else hidden_dim

    b = Builder(
        f"conditional_computation_{input_dim}_{inner_dim}",
        name=f"Conditional computation, {input_dim} features",
        tags=["adaptive", "conditional", "gated", "routing"],
    )
    rows = b.input([-1, input_dim])
    scores = b.linear(rows, in_features=input_dim, out_features=2, id="gate_linear")
    gate = b.activation(scores, type="softmax", temperature=temperature, hard=hard, id="gate_softmax")
    skipped = b.identity(rows, id="skip")
    body = b.linear(rows, in_features=input_dim, out_features=inner_dim, id="body_linear1")
    body = b.activation(body, type=activation, id="body_act")
    body = b.linear(body, in_features=inner_dim, out_features=input_dim, id="body_linear2")
    b.output(b.weighted_sum(gate, skipped, body, num_inputs=2, id="combine"))
    return finished(
        b.finish(),
        create_conditional_computation,
        activation=activation,
        temperature=temperature,
        hard=hard,
    )
