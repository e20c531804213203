"""The templates as a table: by name, with their arguments, and to be called with arguments in text."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import Parameter, getdoc, signature
from types import MappingProxyType, UnionType
from typing import Any, get_args

from esper_graph.errors import ConfigError, close_names, suggestion
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.templates.diagnostics import create_gradient_analyzer, create_probe_layer
from esper_graph.templates.efficiency import create_mobilenet_block, create_squeezenet_fire
from esper_graph.templates.moe import create_expert_network, create_moe_layer
from esper_graph.templates.routing import create_conditional_computation, create_dynamic_routing
from esper_graph.templates.transformer import create_attention_head, create_transformer_block

_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class TemplateParameter:
    """One argument of a template.

    Attributes:
        name: What it is called.
        type: What it takes, such as `int`.
        required: Whether it must be given.
        default: What it is otherwise.
    """

    name: str
    type: str
    required: bool
    default: Any = None

    def __str__(self) -> str:
        return f"{self.name}: {self.type}" if self.required else f"{self.name}: {self.type} = {self.default}"


@dataclass(frozen=True, slots=True)
class Template:
    """A function that makes a blueprint.

    Example:
        >>> head = TEMPLATES["attention_head"].make_from_text({"d_head": "32", "causal": "true"})
        >>> head.node("query").attributes
        {'in_features': 512, 'out_features': 32}
    """

    name: str
    function: Callable[..., BlueprintIR]

    def __call__(self, **arguments: Any) -> BlueprintIR:
        """Make the blueprint."""
        return self.function(**arguments)

    @property
    def summary(self) -> str:
        """What it makes, in one sentence."""
        return (getdoc(self.function) or "").partition("\n")[0]

    @property
    def parameters(self) -> tuple[TemplateParameter, ...]:
        """Its arguments."""
        return tuple(
            TemplateParameter(
                one.name,
                _type_name(one.annotation),
                one.default is Parameter.empty,
                None if one.default is Parameter.empty else one.default,
            )
            for one in signature(self.function).parameters.values()
        )

    @property
    def usage(self) -> str:
        """Its arguments in one line."""
        return ", ".join(map(str, self.parameters))

    def make_from_text(self, arguments: Mapping[str, str]) -> BlueprintIR:
        """Make the blueprint from arguments as a command line gives them.

        Raises:
            ConfigError: An argument is missing, unknown, or not of its type.
            BadAttributeError: An argument has a value that makes no sense.
        """
        known = {one.name: one for one in self.parameters}
        for name in arguments:
            if name not in known:
                hint = suggestion(close_names(name, known)) or f"its arguments are {', '.join(known)}"
                raise ConfigError(f"`{self.name}` has no argument `{name}`", hint=hint)
        missing = [one.name for one in known.values() if one.required and one.name not in arguments]
        if missing:
            given = " ".join(f"{name}=..." for name in missing)
            raise ConfigError(
                f"`{self.name}` needs {', '.join(f'`{name}`' for name in missing)}", hint=f"add {given}"
            )
        return self.function(
            **{name: _read(self.name, known[name], text) for name, text in arguments.items()}
        )


def _type_name(annotation: Any) -> str:
    if isinstance(annotation, UnionType):
        return " | ".join("None" if one is type(None) else one.__name__ for one in get_args(annotation))
    return annotation.__name__


def _read(template: str, parameter: TemplateParameter, text: str) -> Any:
    kind, _, optional = parameter.type.partition(" | ")
    if optional and text.lower() == "none":
        return None
    try:
        match kind:
            case "bool":
                return _TRUTH[text.lower()]
            case "int":
                return int(text)
            case "float":
                return float(text)
            case _:
                return text
    except (KeyError, ValueError):
        wanted = {"bool": "true or false", "int": "a whole number", "float": "a number"}[kind]
        raise ConfigError(
            f"`{parameter.name}` of `{template}` is {text!r}, not {wanted}", hint=f"write {parameter}"
        ) from None


TEMPLATES: Mapping[str, Template] = MappingProxyType(
    {
        function.__name__.removeprefix("create_"): Template(
            function.__name__.removeprefix("create_"), function
        )
        for function in (
            create_transformer_block,
            create_attention_head,
            create_mobilenet_block,
            create_squeezenet_fire,
            create_moe_layer,
            create_expert_network,
            create_dynamic_routing,
            create_conditional_computation,
            create_probe_layer,
            create_gradient_analyzer,
        )
    }
)
