"""Raise recurrent layers."""

from collections.abc import Mapping
from typing import Any

from esper_graph.compile.importer.call import Call, Raised, Raiser
from esper_graph.compile.importer.draft import CannotRaiseError
from esper_graph.compile.importer.values import Known, Wire, items_of


def _layers(kind: str) -> Raiser:
    def raise_layers(call: Call) -> Raised:
        params = call["params"]
        count, bidirectional = call["num_layers"], call["bidirectional"]
        per = 4 if call["has_biases"] else 2
        names = [
            f"{part}_l{layer}{suffix}"
            for layer in range(count)
            for suffix in (("", "_reverse") if bidirectional else ("",))
            for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")[:per]
        ]
        if len(names) != len(params):
            raise CannotRaiseError("its hidden states are projected, and our op has no projection")
        if call["train"] and call["dropout"]:
            raise CannotRaiseError("it draws in evaluation too")
        states = call["hx"]
        for state in items_of(states):
            if not _is_zero(call, state):
                raise CannotRaiseError("it starts from a state that is not zero")
        x = call.wire(call["input"])
        owned = call.owned(**dict(zip(names, params, strict=True)))
        hidden = owned["weight_hh_l0"].tensor.shape[1]
        found = call.add(
            "recurrent",
            x,
            owned=owned,
            type=kind,
            input_size=call.draft.type(x).shape[-1],
            hidden_size=hidden,
            num_layers=count,
            bias=call["has_biases"],
            batch_first=call["batch_first"],
            dropout=call["dropout"],
            bidirectional=bidirectional,
        )
        return [Wire(found.node, at) for at in range(3 if kind == "lstm" else 2)]

    return raise_layers


def _is_zero(call: Call, state: Any) -> bool:
    if isinstance(state, Known):
        return not bool(state.tensor.any())
    if isinstance(state, Wire):
        node = call.draft.nodes[state.node]
        return node.op_type == "constant" and node.attributes["value"] == 0
    return False


RAISERS: Mapping[str, Raiser] = {"lstm": _layers("lstm"), "gru": _layers("gru")}
