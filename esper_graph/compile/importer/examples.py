"""Modules and example inputs named by text, as the command line gives them.

>>> [tuple(x.shape) for x in example_inputs(["1x3x8x8", "1x16:int64"])]
[(1, 3, 8, 8), (1, 16)]
"""

import math
import re
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib import import_module as load
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from esper_graph.errors import ConfigError
from esper_graph.ops.values import DTYPES

MAX_ELEMENTS = 1 << 28
"""Elements of an example: 1 GiB of float32."""
_SHAPE = re.compile(r"(\d+(?:x\d+)*)(?::([a-z0-9]+))?\Z")


def example_inputs(texts: Sequence[str]) -> tuple[Tensor, ...]:
    """Make a tensor for each text such as `1x3x224x224` or `1x16:int64`.

    Floats are drawn from a normal distribution with a fixed seed, whole numbers are 0, truth values true.

    Raises:
        ConfigError: A text is not of that form.
    """
    generator = torch.Generator().manual_seed(0)
    found: list[Tensor] = []
    for text in texts:
        matched = _SHAPE.match(text)
        dtype = (matched[2] or "float32") if matched else ""
        if matched is None or dtype not in DTYPES:
            raise ConfigError(
                f"`{text}` is not the shape of an input",
                hint="write sizes with `x` between them, and a dtype where it is not float32: `1x16:int64`",
            )
        shape = [int(size) for size in matched[1].split("x")]
        elements = math.prod(shape)
        if not 0 < elements <= MAX_ELEMENTS:
            raise ConfigError(
                f"the input `{text}` has {elements} elements, and must have 1 to {MAX_ELEMENTS}",
                hint="give an example: other sizes of the first axis follow from it",
            )
        if DTYPES[dtype].kind == "float":
            found.append(torch.randn(shape, generator=generator).to(getattr(torch, dtype)))
        else:
            fill = DTYPES[dtype].kind == "bool"
            found.append(torch.full(shape, fill, dtype=getattr(torch, dtype)))
    return tuple(found)


def module_named(text: str) -> nn.Module:
    """Return the module that a callable without arguments makes, named as `package.module:callable`.

    Raises:
        ConfigError: There is no such callable, it fails, or it makes something else.
    """
    where, colon, name = text.partition(":")
    if not colon or not where or not name:
        raise ConfigError(
            f"`{text}` does not name a callable",
            hint="write `package.module:callable`, or the name of a module",
        )
    try:
        with _working_directory():
            made: Any = load(where)
            for part in name.split("."):
                made = getattr(made, part)
            found: object = made if isinstance(made, nn.Module) else made()
    except Exception as error:
        raise ConfigError(
            f"`{text}` gives no module: {type(error).__name__}: {error}",
            hint="name a class or a function that takes no arguments, or a module that is there already",
        ) from error
    if not isinstance(found, nn.Module):
        raise ConfigError(
            f"`{text}` gives an object of type `{type(found).__name__}`, which is not a module",
            hint="name a class or a function that makes a torch.nn.Module",
        )
    return found


@contextmanager
def _working_directory() -> Generator[None]:
    """Let files of the working directory be imported, as `python -m` does."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)
