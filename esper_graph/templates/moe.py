"""Mixtures of experts: the layer, and one expert on its own."""
# ruff: noqa: FBT001, FBT002 - the specification fixes these signatures

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.templates._arguments import Arguments, activations
from esper_graph.templates._naming import finished

EXPANSION = 4
"""How much wider than its result an expert is inside."""
LOSS_COEFFICIENT = 0.01
"""Weight of the loss that spreads rows evenly over the experts."""


def create_moe_layer(
    input_dim: int,
    output_dim: int,
    num_experts: int = 8,
    expert_capacity: float = 1.25,
    top_k: int = 2,
    noise_std: float = 0.1,
) -> BlueprintIR:
    """A gate sends each row to its best experts; their results are weighted and summed.

    Args:
        input_dim: Features of a row.
        output_dim: Features of the result.
        num_experts: How many experts there are.
        expert_capacity: Rows that an expert takes in training, relative to an even spread.
        top_k: Experts for each row.
        noise_std: Noise that training adds to the gate's scores.

    Raises:
        BadAttributeError: An argument is wrong.

    Example:
        >>> create_moe_layer(64, 64, num_experts=4).estimated_parameters
        132612
    """
    arguments = Arguments("create_moe_layer")
    arguments.size(input_dim=input_dim, output_dim=output_dim, num_experts=num_experts, top_k=top_k)
    arguments.positive(expert_capacity=expert_capacity)
    arguments.not_negative(noise_std=noise_std)
    if not arguments.problems and top_k > num_experts:
        arguments.refuse(
            "top_k",
            f"top_k={top_k} is more than num_experts={num_experts}",
            f"set `top_k` to {num_experts} or less",
            value=top_k,
        )
    arguments.settle()

    b = Builder(
        f"moe_layer_{num_experts}x_{top_k}",
        name=f"Mixture of {num_experts} experts, {top_k} a row",
        tags=["conditional", "moe", "scalable", "sparse"],
    )
    rows = b.input([-1, input_dim])
    scores = b.linear(rows, in_features=input_dim, out_features=num_experts, id="gate_linear")
    scores = b.noise(scores, std=noise_std, training_only=True, id="gate_noise")
    gate = b.topk_gating(scores, k=top_k, capacity_factor=expert_capacity, id="topk_gate")
    inner_dim = output_dim * EXPANSION
    results = [
        b.linear(
            b.activation(
                b.linear(rows, in_features=input_dim, out_features=inner_dim, id=f"expert{number}_linear1"),
                type="gelu",
                id=f"expert{number}_act",
            ),
            in_features=inner_dim,
            out_features=output_dim,
            id=f"expert{number}_linear2",
        )
        for number in range(num_experts)
    ]
    combined = b.moe_combine(gate, *results, num_experts=num_experts, top_k=top_k, id="combine_experts")
    b.moe_aux_loss(gate, loss_coef=LOSS_COEFFICIENT, id="aux_loss")
    b.output(combined)
    return finished(
        b.finish(),
        create_moe_layer,
        input_dim=input_dim,
        output_dim=output_dim,
        expert_capacity=expert_capacity,
        noise_std=noise_std,
    )


def create_expert_network(
    input_dim: int,
    output_dim: int,
    hidden_dim: int | None = None,
    activation: str = "gelu",
    gated: bool = False,
) -> BlueprintIR:
    """One expert: two linear maps with an activation between them, or with a gate.

    Args:
        input_dim: Features of a row.
        output_dim: Features of the result.
        hidden_dim: Features in the middle; None means four times `output_dim`, as in `create_moe_layer`.
        activation: Function in the middle.
        gated: A second map of the row goes through the activation and is multiplied onto the first.

    Raises:
        BadAttributeError: An argument is wrong.

    Example:
        >>> create_expert_network(64, 64).estimated_parameters
        33088
    """
    arguments = Arguments("create_expert_network")
    arguments.size(input_dim=input_dim, output_dim=output_dim)
    if hidden_dim is not None:
        arguments.size(hidden_dim=hidden_dim)
    arguments.choice(activations(), activation=activation)
    arguments.flag(gated=gated)
    arguments.settle()
    inner_dim = output_dim * EXPANSION if hidden_dim is None else hidden_dim

    b = Builder(
        f"expert_network_{input_dim}_{inner_dim}_{output_dim}",
        name=f"{'Gated expert' if gated else 'Expert'}, {input_dim} to {output_dim} features",
        tags=["expert", "feedforward", "moe"],
    )
    rows = b.input([-1, input_dim])
    inner = b.linear(rows, in_features=input_dim, out_features=inner_dim, id="linear1")
    if gated:
        gate = b.linear(rows, in_features=input_dim, out_features=inner_dim, id="gate")
        inner = b.multiply(b.activation(gate, type=activation, id="act"), inner, id="gated")
    else:
        inner = b.activation(inner, type=activation, id="act")
    b.output(b.linear(inner, in_features=inner_dim, out_features=output_dim, id="linear2"))
    return finished(b.finish(), create_expert_network, activation=activation, gated=gated)
