import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from esper_graph.compile import blueprint_to_module
from esper_graph.errors import BadAttributeError, BlueprintError, ConfigError, LimitExceededError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.check import check
from esper_graph.ir.listing import listing
from esper_graph.templates import (
    TEMPLATES,
    create_attention_head,
    create_conditional_computation,
    create_dynamic_routing,
    create_expert_network,
    create_gradient_analyzer,
    create_mobilenet_block,
    create_moe_layer,
    create_probe_layer,
    create_squeezenet_fire,
    create_transformer_block,
)
from esper_graph.templates._arguments import activations
from esper_graph.templates.diagnostics import REDUCTIONS
from tests.unit.templates import reference

GOLDEN = Path(__file__).parents[2] / "golden" / "templates.txt"
SENSIBLE: dict[str, dict[str, Any]] = {
    "mobilenet_block": {"in_channels": 32, "out_channels": 64, "stride": 2},
    "moe_layer": {"input_dim": 512, "output_dim": 512},
    "expert_network": {"input_dim": 512, "output_dim": 512},
    "dynamic_routing": {"input_dim": 64},
    "conditional_computation": {"input_dim": 64},
}
TOKENS, IMAGE, ROWS = (3, 5, 16), (2, 8, 6, 6), (12, 16)

# ---------------------------------------------------------------- against torch

PAIRS: dict[str, tuple[BlueprintIR, Callable[[], nn.Module], tuple[int, ...]]] = {
    "transformer": (
        create_transformer_block(16, 4, 32, dropout=0.0),
        lambda: reference.TransformerBlock(16, 4, 32),
        TOKENS,
    ),
    "transformer, post-norm": (
        create_transformer_block(16, 4, 32, dropout=0.0, pre_norm=False),
        lambda: reference.TransformerBlock(16, 4, 32, pre_norm=False),
        TOKENS,
    ),
    "head": (create_attention_head(16, 4), lambda: reference.AttentionHead(16, 4), TOKENS),
    "head, causal": (
        create_attention_head(16, 4, causal=True),
        lambda: reference.AttentionHead(16, 4, causal=True),
        TOKENS,
    ),
    "mobilenet": (create_mobilenet_block(8, 8), lambda: reference.MobileNetBlock(8, 8), IMAGE),
    "mobilenet, strided": (
        create_mobilenet_block(8, 12, 2, kernel_size=5),
        lambda: reference.MobileNetBlock(8, 12, 2, kernel=5),
        IMAGE,
    ),
    "mobilenet, bare": (
        create_mobilenet_block(8, 8, expand_ratio=1, use_se=False),
        lambda: reference.MobileNetBlock(8, 8, expand=1, se=False),
        IMAGE,
    ),
    "fire": (create_squeezenet_fire(8, 2, 3, 5), lambda: reference.Fire(8, 2, 3, 5), IMAGE),
    "moe": (create_moe_layer(16, 8, 4), lambda: reference.MoeLayer(16, 8, 4), ROWS),
    "moe, one choice": (
        create_moe_layer(16, 8, 4, top_k=1),
        lambda: reference.MoeLayer(16, 8, 4, top_k=1),
        ROWS,
    ),
    "expert": (create_expert_network(16, 8), lambda: reference.Expert(16, 8), ROWS),
    "expert, gated": (
        create_expert_network(16, 8, gated=True),
        lambda: reference.Expert(16, 8, gated=True),
        ROWS,
    ),
    "routing": (
        create_dynamic_routing(16, routing_temperature=0.5),
        lambda: reference.DynamicRouting(16, temperature=0.5),
        ROWS,
    ),
    "routing, hard, seven paths": (
        create_dynamic_routing(16, 7, hard_routing=True),
        lambda: reference.DynamicRouting(16, 7, hard=True),
        ROWS,
    ),
    "conditional": (create_conditional_computation(16), lambda: reference.Conditional(16), ROWS),
    "conditional, blended": (
        create_conditional_computation(16, hard=False),
        lambda: reference.Conditional(16, hard=False),
        ROWS,
    ),
}


def bound(shape: tuple[int, ...]) -> dict[str, int]:
    names = {2: ("batch", "d0_1"), 3: ("batch", "d0_1", "d0_2"), 4: ("batch", "d0_1", "d0_2", "d0_3")}
    return dict(zip(names[len(shape)], shape, strict=True))


def counted(module: nn.Module, shape: tuple[int, ...]) -> int:
    """Count FLOPs on the meta device, where torch counts every product."""
    with FlopCounterMode(display=False) as counter:
        module.to("meta")(torch.empty(shape, device="meta"))
    return counter.get_total_flops()


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("pair", PAIRS)
def test_parameters_are_those_of_the_torch_module(pair: str) -> None:
    blueprint, make, _ = PAIRS[pair]
    assert blueprint.estimated_parameters == parameters(make())


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if "routing" not in pair])
def test_flops_are_those_that_torch_counts(pair: str) -> None:
    blueprint, make, shape = PAIRS[pair]
    assert blueprint.cost(bound(shape)).flops == counted(make(), shape)


@pytest.mark.parametrize("pair", [pair for pair in PAIRS if "routing" in pair])
def test_flops_of_routing_count_both_parts_of_complex_numbers(pair: str) -> None:
    blueprint, make, shape = PAIRS[pair]
    with FlopCounterMode(display=False) as counter:
        make()(torch.zeros(shape))
    assert blueprint.cost(bound(shape)).flops == counter.get_total_flops()


@pytest.mark.parametrize("pair", PAIRS)
def test_results_are_those_of_the_torch_module(pair: str) -> None:
    blueprint, make, shape = PAIRS[pair]
    torch.manual_seed(7)
    wanted, kernel = make().eval(), blueprint_to_module(blueprint).eval()
    with torch.no_grad():
        for ours, theirs in zip(kernel.parameters(), wanted.parameters(), strict=True):
            assert ours.shape == theirs.shape
            theirs.add_(0.3 * torch.randn_like(theirs))
            ours.copy_(theirs)
        x = torch.randn(shape)
        torch.testing.assert_close(kernel(x), wanted(x), rtol=1e-4, atol=1e-5)


def test_the_transformer_block_costs_what_was_published() -> None:
    block = create_transformer_block()
    assert block.cost({"batch": 8, "d0_1": 128}).flops == 6_710_886_400
    assert block.estimated_parameters == 3_152_384


def test_the_mobilenet_block_costs_what_was_published() -> None:
    assert create_mobilenet_block(40, 40).cost({"batch": 8, "d0_2": 28, "d0_3": 28}).flops == 268_400_640


# ---------------------------------------------------------------- every combination of arguments

size = st.integers(1, 40)
rate = st.floats(0, 1)
scale = st.floats(0.01, 10)
STRATEGIES: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "transformer_block": st.fixed_dictionaries(
        {"n_heads": st.integers(1, 4), "d_model": st.integers(1, 5).map(lambda times: 12 * times)},
        optional={
            "d_ff": size,
            "dropout": rate,
            "activation": st.sampled_from(activations()),
            "pre_norm": st.booleans(),
        },
    ),
    "attention_head": st.fixed_dictionaries(
        {}, optional={"d_model": size, "d_head": size, "dropout": rate, "causal": st.booleans()}
    ),
    "mobilenet_block": st.fixed_dictionaries(
        {"in_channels": st.integers(4, 9), "out_channels": st.integers(4, 9)},
        optional={
            "stride": st.integers(1, 3),
            "expand_ratio": st.integers(1, 6),
            "kernel_size": st.sampled_from((1, 3, 5, 7)),
            "use_se": st.booleans(),
            "se_ratio": st.floats(0.25, 1),
        },
    ),
    "squeezenet_fire": st.fixed_dictionaries(
        {},
        optional={
            "in_channels": size,
            "squeeze_channels": size,
            "expand1x1_channels": size,
            "expand3x3_channels": size,
        },
    ),
    "moe_layer": st.fixed_dictionaries(
        {"input_dim": size, "output_dim": size, "num_experts": st.integers(2, 9)},
        optional={
            "top_k": st.integers(1, 2),
            "expert_capacity": st.sampled_from((0.5, 1.0, 1.25, 2)),
            "noise_std": scale,
        },
    ),
    "expert_network": st.fixed_dictionaries(
        {"input_dim": size, "output_dim": size},
        optional={
            "hidden_dim": st.none() | size,
            "activation": st.sampled_from(activations()),
            "gated": st.booleans(),
        },
    ),
    "dynamic_routing": st.fixed_dictionaries(
        {"input_dim": st.integers(2, 20)},
        optional={
            "num_paths": st.integers(1, 9),
            "routing_temperature": scale,
            "hard_routing": st.booleans(),
        },
    ),
    "conditional_computation": st.fixed_dictionaries(
        {"input_dim": size},
        optional={
            "hidden_dim": st.none() | size,
            "activation": st.sampled_from(activations()),
            "temperature": scale,
            "hard": st.booleans(),
        },
    ),
    "probe_layer": st.fixed_dictionaries(
        {},
        optional={
            "probe_type": st.sampled_from(("activation", "gradient", "information")),
            "reduction": st.sampled_from(REDUCTIONS),
            "detach": st.booleans(),
        },
    ),
    "gradient_analyzer": st.fixed_dictionaries(
        {}, optional={"log_frequency": size, "norm_order": scale, "sparsity_threshold": rate}
    ),
}


def test_every_template_of_the_specification_is_in_the_table() -> None:
    assert list(TEMPLATES) == list(STRATEGIES)


@pytest.mark.parametrize("name", STRATEGIES)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_all_sensible_arguments_give_a_valid_blueprint_that_survives_json(
    name: str, data: st.DataObject
) -> None:
    arguments = data.draw(STRATEGIES[name])
    made = TEMPLATES[name](**arguments)
    assert check(made) == []
    again = BlueprintIR.from_json(made.to_json())
    assert again == made
    assert again.fingerprint == made.fingerprint
    costs = again.cost()
    assert (costs.flops, costs.parameters, costs.memory_mb) == (
        made.estimated_flops,
        made.estimated_parameters,
        made.estimated_memory_mb,
    )


@pytest.mark.parametrize("name", STRATEGIES)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_ids_follow_from_the_arguments_and_never_stand_for_two_structures(
    name: str, data: st.DataObject
) -> None:
    one, other = data.draw(STRATEGIES[name]), data.draw(STRATEGIES[name])
    first, second = TEMPLATES[name](**one), TEMPLATES[name](**other)
    assert TEMPLATES[name](**one).id == first.id
    assert first.id != second.id or first.fingerprint == second.fingerprint


# ---------------------------------------------------------------- ids


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        (create_transformer_block(), "transformer_block_512_8"),
        (create_transformer_block(256, 4), "transformer_block_256_4"),
        (create_mobilenet_block(32, 64, 2), "mobilenet_block_32_64_s2"),
        (create_probe_layer("gradient", "none"), "probe_gradient_none"),
    ],
)
def test_the_id_is_the_specifications_when_what_it_leaves_out_has_its_default(
    made: BlueprintIR, wanted: str
) -> None:
    assert made.id == wanted


@pytest.mark.parametrize(
    ("made", "family"),
    [
        (create_transformer_block(d_ff=1024), "transformer_block_512_8"),
        (create_mobilenet_block(32, 64, 2, use_se=False), "mobilenet_block_32_64_s2"),
        (create_moe_layer(64, 64), "moe_layer_8x_2"),
        (create_dynamic_routing(64), "dynamic_routing_4paths"),
    ],
)
def test_the_id_ends_in_the_fingerprint_when_it_leaves_something_out(made: BlueprintIR, family: str) -> None:
    assert made.id == f"{family}_{made.fingerprint.removeprefix('f1:')[:12]}"


def test_a_gradient_is_measured_on_the_input_whatever_detach_says() -> None:
    attached, detached = create_probe_layer("gradient", detach=False), create_probe_layer("gradient")
    assert attached.id == detached.id
    assert attached.fingerprint == detached.fingerprint
    assert {edge.source for edge in detached.edges if edge.target == "grad_norm"} == {"input"}


# ---------------------------------------------------------------- what the specification fixes


def test_the_second_skip_of_a_post_norm_block_starts_at_the_first_norm() -> None:
    block = create_transformer_block(pre_norm=False)
    skips = [edge.source for edge in block.edges if edge.connection_type == "residual"]
    assert skips == ["input", "norm1_post"]


def test_routing_has_exactly_as_many_paths_as_asked_for() -> None:
    for count in (1, 2, 3, 5, 9):
        made = create_dynamic_routing(8, count)
        paths = {node.id.partition("_")[0] for node in made.nodes if node.id.startswith("path")}
        assert paths == {f"path{number}" for number in range(1, count + 1)}


def test_paths_take_turns_in_four_kinds() -> None:
    first, fifth = (
        [
            (node.op_type, node.attributes)
            for node in create_dynamic_routing(8, 8).nodes
            if node.id.startswith(path)
        ]
        for path in ("path1_", "path5_")
    )
    assert first == fifth


def test_probes_leave_input_and_output_alone() -> None:
    for made in (create_probe_layer(), create_probe_layer("gradient"), create_gradient_analyzer()):
        assert [edge.source for edge in made.edges if edge.target == "output"] == ["input"]
        kernel = blueprint_to_module(made, mode="infer")
        x = torch.randn(4, 6)
        assert torch.equal(kernel(x), x)


# ---------------------------------------------------------------- bad arguments


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("transformer_block", {"d_model": 510}, "d_model=510 is not a multiple of n_heads=8"),
        ("transformer_block", {"d_model": -4}, "`d_model` is -4"),
        ("transformer_block", {"n_heads": 0}, "`n_heads` is 0"),
        ("transformer_block", {"d_ff": True}, "`d_ff` is True"),
        ("transformer_block", {"d_ff": 2048.0}, "`d_ff` is 2048.0"),
        ("transformer_block", {"dropout": 1.5}, "`dropout` is 1.5"),
        ("transformer_block", {"dropout": float("nan")}, "`dropout` is nan"),
        ("transformer_block", {"activation": "rellu"}, "did you mean `relu`"),
        ("transformer_block", {"activation": "glu"}, "there is no activation 'glu'"),
        ("transformer_block", {"pre_norm": 1}, "`pre_norm` is 1"),
        ("attention_head", {"d_head": 2**40}, "`d_head` is 1099511627776"),
        ("mobilenet_block", {"in_channels": 8, "out_channels": 8, "stride": 0}, "`stride` is 0"),
        ("mobilenet_block", {"in_channels": 8, "out_channels": 8, "kernel_size": 4}, "kernel_size=4 is even"),
        (
            "mobilenet_block",
            {"in_channels": 1, "out_channels": 8, "expand_ratio": 2},
            "se_ratio=0.25 of 2 inner channels",
        ),
        ("squeezenet_fire", {"squeeze_channels": -1}, "`squeeze_channels` is -1"),
        ("moe_layer", {"input_dim": 8, "output_dim": 8, "top_k": 9}, "top_k=9 is more than num_experts=8"),
        ("moe_layer", {"input_dim": 8, "output_dim": 8, "noise_std": -0.1}, "`noise_std` is -0.1"),
        ("moe_layer", {"input_dim": 8, "output_dim": 8, "expert_capacity": 0}, "`expert_capacity` is 0"),
        ("expert_network", {"input_dim": 8, "output_dim": 8, "activation": "geluu"}, "did you mean `gelu`"),
        ("dynamic_routing", {"input_dim": 1}, "input_dim=1 cannot be halved"),
        ("dynamic_routing", {"input_dim": 8, "num_paths": 0}, "`num_paths` is 0"),
        (
            "dynamic_routing",
            {"input_dim": 8, "routing_temperature": float("inf")},
            "`routing_temperature` is inf",
        ),
        ("conditional_computation", {"input_dim": 8, "hidden_dim": 0}, "`hidden_dim` is 0"),
        ("probe_layer", {"probe_type": "activations"}, "did you mean `activation`"),
        ("probe_layer", {"reduction": "median"}, "there is no reduction 'median'"),
        ("gradient_analyzer", {"norm_order": -2}, "`norm_order` is -2"),
    ],
)
def test_bad_arguments_are_refused_with_their_value(name: str, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(BadAttributeError) as caught:
        TEMPLATES[name](**arguments)
    assert said in str(caught.value)
    assert f"`create_{name}`" in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_all_bad_arguments_are_named_at_once() -> None:
    with pytest.raises(BlueprintError) as caught:
        create_transformer_block(d_model=0, dropout=2, activation="rellu")
    assert [problem.facts["argument"] for problem in caught.value.problems] == [
        "d_model",
        "dropout",
        "activation",
    ]


def test_more_experts_than_the_limits_allow_are_refused() -> None:
    with pytest.raises(LimitExceededError, match="1006 nodes"):
        create_moe_layer(4, 4, num_experts=333)


# ---------------------------------------------------------------- the table


def test_arguments_in_text_make_the_same_blueprint() -> None:
    made = TEMPLATES["mobilenet_block"].make_from_text(
        {"in_channels": "32", "out_channels": "64", "use_se": "false", "se_ratio": "0.5"}
    )
    assert made.id == create_mobilenet_block(32, 64, use_se=False, se_ratio=0.5).id
    expert = TEMPLATES["expert_network"].make_from_text(
        {"input_dim": "8", "output_dim": "4", "hidden_dim": "none"}
    )
    assert expert.id == create_expert_network(8, 4).id


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"input_dim": "8"}, "needs `output_dim`"),
        ({"input_dim": "8", "output_dim": "8", "topk": "1"}, "did you mean `top_k`"),
        ({"input_dim": "8.5", "output_dim": "8"}, "'8.5', not a whole number"),
        ({"input_dim": "8", "output_dim": "8", "noise_std": "much"}, "'much', not a number"),
    ],
)
def test_bad_arguments_in_text_are_refused(arguments: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TEMPLATES["moe_layer"].make_from_text(arguments)
    assert said in str(caught.value)


def test_the_table_tells_names_types_and_defaults() -> None:
    shown = {name: template.usage for name, template in TEMPLATES.items()}
    assert shown["dynamic_routing"] == (
        "input_dim: int, num_paths: int = 4, routing_temperature: float = 1.0, hard_routing: bool = False"
    )
    assert shown["expert_network"].startswith(
        "input_dim: int, output_dim: int, hidden_dim: int | None = None, activation: str = gelu"
    )
    assert all(template.summary.endswith(".") for template in TEMPLATES.values())


def test_templates_load_neither_torch_nor_a_database() -> None:
    code = (
        "import sys, esper_graph.templates; print(sorted({'torch', 'neo4j', 'networkx'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


# ---------------------------------------------------------------- golden


def _pictured() -> str:
    made = [template(**SENSIBLE.get(name, {})) for name, template in TEMPLATES.items()]
    rows = [("id", "nodes", "edges", "parameters", "flops", "binding", "fingerprint")]
    for blueprint in made:
        costs = blueprint.cost()
        binding = " ".join(f"{name}={number}" for name, number in costs.binding.items())
        rows.append(
            (
                blueprint.id,
                str(len(blueprint.nodes)),
                str(len(blueprint.edges)),
                f"{costs.parameters:,}",
                f"{costs.flops:,}",
                binding,
                blueprint.fingerprint,
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
    return "\n\n".join([table, *(listing(blueprint).rstrip() for blueprint in made)]) + "\n"


def test_templates_are_as_they_were() -> None:
    """Renew the golden file with ESPER_GRAPH_UPDATE_GOLDEN=1 when a change is meant."""
    found = _pictured()
    if os.environ.get("ESPER_GRAPH_UPDATE_GOLDEN"):
        GOLDEN.write_text(found, encoding="utf-8", newline="\n")
    assert found == GOLDEN.read_text(encoding="utf-8")
