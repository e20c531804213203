"""Each kind of call that networks make, imported from a small module and compared with it."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - as everywhere
from torch import Tensor, nn

from tests.compile.importing import compare

ROWS = (torch.randn(2, 8, generator=torch.Generator().manual_seed(0)),)
SEQUENCE = (torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0)),)
SIGNAL = (torch.randn(2, 4, 12, generator=torch.Generator().manual_seed(0)),)
IMAGE = (torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0)),)
NUMBERS = (torch.tensor([[0, 1, 6], [3, 2, 4]]),)


class Function(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*inputs)


class Holding(nn.Module):
    """A function of the input and of a parameter."""

    def __init__(self, function: Callable[..., Any], *shape: int) -> None:
        super().__init__()
        self.function = function
        self.table = nn.Parameter(torch.randn(shape))

    def forward(self, x: Tensor) -> Any:
        return self.function(x, self.table)


class Buffered(nn.Module):
    """A function of the input and of a buffer."""

    table: Tensor

    def __init__(self, function: Callable[..., Any], table: Tensor) -> None:
        super().__init__()
        self.function = function
        self.register_buffer("table", table)

    def forward(self, x: Tensor) -> Any:
        return self.function(x, self.table)


def _changed_part(x: Tensor) -> Tensor:
    y = x.clone()
    y[:, 1:3] = 0
    y[:, -1] += 1
    return y * 2


def _shifted(x: Tensor) -> Tensor:
    mask = x.new_zeros((4, 4))
    mask[:2, 2:] = 1
    return x.view(-1, 2, 4) * mask.view(2, 2, 4).sum(0)


def _attended(x: Tensor, **settings: Any) -> Tensor:
    heads = x.view(x.shape[0], 5, 2, 4).transpose(1, 2)
    return F.scaled_dot_product_attention(heads, heads, heads, **settings).transpose(1, 2).flatten(2)


def _grouped(x: Tensor) -> Tensor:
    heads = x.view(x.shape[0], 5, 4, 2).transpose(1, 2)
    return F.scaled_dot_product_attention(heads, heads[:, :2], heads[:, :2], enable_gqa=True)


HIDDEN = torch.zeros(5, 5).masked_fill(torch.ones(5, 5).triu(1).bool(), -math.inf)

FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[Tensor, ...]]] = {
    **{
        name: (getattr(F, name), ROWS)
        for name in ("relu", "relu6", "selu", "silu", "mish", "hardsigmoid", "hardswish", "softsign", "elu")
    },
    **{name: (getattr(torch, name), ROWS) for name in ("sigmoid", "tanh", "exp", "sin", "cos", "abs", "neg")},
    **{name: (getattr(F, name), ROWS) for name in ("logsigmoid", "gelu", "softplus", "hardshrink", "celu")},
    "leaky_relu": (lambda x: F.leaky_relu(x, 0.2), ROWS),
    "hardtanh": (lambda x: F.hardtanh(x, -0.5, 0.25), ROWS),
    "glu": (lambda x: F.glu(x, 1), IMAGE),
    "softmax of an axis": (lambda x: F.softmax(x, 1), IMAGE),
    "log_softmax": (lambda x: F.log_softmax(x, -1), ROWS),
    "in place": (lambda x: F.relu(x + 1, inplace=True).mul_(2), ROWS),
    "a part in place": (_changed_part, SEQUENCE),
    "known parts in place": (_shifted, ROWS),
    "numbers": (lambda x: (2 - x) * 3 / 4 + (x - 1) ** 2, ROWS),
    "two values": (lambda x: x * (x - x.mean()) / (x.abs() + 1) + torch.maximum(x, -x), ROWS),
    "alpha": (lambda x: torch.add(x, x.exp(), alpha=0.5), ROWS),
    "roots": (lambda x: (x * x + 1).sqrt() + (x * x + 1).rsqrt() + (x * x + 1).log(), ROWS),
    "reciprocal": (lambda x: (x.abs() + 1).reciprocal() + torch.square(x), ROWS),
    "clamp": (lambda x: x.clamp(-0.5, 0.5) + x.clamp(min=0) + torch.clamp_max(x, 0.1), ROWS),
    "lerp and addcmul": (lambda x: torch.lerp(x, x * 2, 0.25) + torch.addcmul(x, x, x, value=2), ROWS),
    "where": (lambda x: torch.where(x > 0, x, 0.1 * x) + x.masked_fill(x < 0, 3.0), ROWS),
    "minus infinity": (lambda x: F.softmax(x.masked_fill(x < x.mean(), -math.inf), -1), ROWS),
    "truth values": (lambda x: ((x > 0) & ~(x > 1) | (x < -1)).float() * x, ROWS),
    "logical": (lambda x: torch.logical_xor(x > 0, x > 1).to(x.dtype) + (x != 0), ROWS),
    "whole numbers": (lambda x: (x * 2 + 1) / 3 + x.float() * 0.5, NUMBERS),
    "cumsum": (lambda x: (x != 0).int().cumsum(1) * x, NUMBERS),
    "matmul": (lambda x: x @ x.transpose(1, 2) @ x, SEQUENCE),
    "matmul of vectors": (lambda x: x @ torch.linspace(0, 1, 8), SEQUENCE),
    "bmm": (lambda x: torch.bmm(x, x.mT), SEQUENCE),
    "baddbmm": (lambda x: torch.baddbmm(x @ x.mT, x, x.mT, beta=0.5, alpha=2), SEQUENCE),
    "einsum": (lambda x: torch.einsum("bij,bkj->bik", x, x), SEQUENCE),
    "mean and sum": (lambda x: x.mean((2, 3)) + x.sum(3).amax(2) + x.amin((2, 3)), IMAGE),
    "max and position": (lambda x: x.max(1)[0] + x.argmax(1) + x.min(1, keepdim=True)[1][:, 0], ROWS),
    "variance": (lambda x: x.var(1) + x.std(1, correction=0) + torch.var_mean(x, 1)[1], ROWS),
    "norms": (lambda x: F.normalize(x, dim=1) + torch.linalg.vector_norm(x, 1, 1, keepdim=True), ROWS),
    "reshapes": (lambda x: x.view(-1, 2, 2, 64).flatten(1, 2).unsqueeze(2).reshape(-1, 4, 8, 8), IMAGE),
    "unflatten": (lambda x: x.unflatten(1, (2, -1)).squeeze(2).sum(1), IMAGE),
    "permutations": (lambda x: x.permute(0, 2, 3, 1).transpose(1, 2).movedim(3, 1).swapaxes(2, 3), IMAGE),
    "slices": (lambda x: x[:, 1:, ::2, -3:] + x[:, :1, 3, 5:].unsqueeze(2), IMAGE),
    "split": (lambda x: torch.cat([x.chunk(2, 1)[1], *x.split([1, 3], 1)[::-1]], 1), IMAGE),
    "unbind": (lambda x: torch.stack(x.unbind(1)[::-1], 2), IMAGE),
    "expand": (lambda x: x[:, :1].expand(-1, 3, -1, -1) + x[:, :3].expand_as(x[:, :3]), IMAGE),
    "repeat": (lambda x: x.repeat(1, 2, 1, 3)[..., 4:] + x.repeat_interleave(2, 1)[..., :1], IMAGE),
    "pad": (lambda x: F.pad(x, (1, 2, 0, 1), value=0.5)[:, :, :8, :8] + F.pad(x, (1, -1)), IMAGE),
    "reflection": (lambda x: F.pad(x, (1, 2, 2, 1), mode="reflect"), IMAGE),
    "roll": (lambda x: x.roll((1, -2), (2, 3)), IMAGE),
    "flip": (lambda x: x.flip(1, 3), IMAGE),
    "pixel shuffle": (lambda x: F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2), IMAGE),
    "interpolate": (lambda x: F.interpolate(x, size=(5, 11), mode="bilinear"), IMAGE),
    "interpolate by a factor": (lambda x: F.interpolate(x, scale_factor=2, mode="nearest"), IMAGE),
    "positions": (lambda x: x + torch.arange(5, dtype=x.dtype)[None, :, None], SEQUENCE),
    "one entry a sample": (lambda x: x[torch.arange(x.shape[0]), x.sum(-1).argmax(1)], SEQUENCE),
    "index": (lambda x: x[:, torch.tensor([3, 0, 0])], SEQUENCE),
    "index_select": (lambda x: x.index_select(1, torch.tensor([1, 2, 4])), SEQUENCE),
    "gather": (lambda x: x.gather(1, x.argmax(1, keepdim=True)), SEQUENCE),
    "fresh tensors": (
        lambda x: x.new_ones(x.shape) + torch.full_like(x, 2) + torch.zeros(x.shape[0], 1, 1),
        SEQUENCE,
    ),
    "pooling": (lambda x: F.max_pool2d(x, 3, 2, 1) + F.avg_pool2d(x, 2, count_include_pad=False), IMAGE),
    "pooling over the edge": (lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True), IMAGE),
    "adaptive pooling": (
        lambda x: F.adaptive_avg_pool2d(x, (2, 3)) + F.adaptive_max_pool2d(x, (2, 3)),
        IMAGE,
    ),
    "pooling of signals": (lambda x: F.avg_pool1d(x, 2) + F.max_pool1d(x, 2), SIGNAL),
    "attention": (_attended, SEQUENCE),
    "causal attention": (lambda x: _attended(x, is_causal=True, scale=0.3), SEQUENCE),
    "masked attention": (lambda x: _attended(x, attn_mask=HIDDEN), SEQUENCE),
    "attention of groups": (_grouped, SEQUENCE),
    "several results": (lambda x: {"a": x + 1, "b": (x * 2, x)}, ROWS),
    "two inputs": (lambda x, y: x - y, (*ROWS, *ROWS)),
    "in place, behind a view": (lambda x: F.silu(x.permute(0, 2, 1), inplace=True) + 1, SEQUENCE),
}

UNCOUNTED = ("matmul of vectors",)
"""torch counts no product of a matrix and a vector."""


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_keeps_its_values(name: str) -> None:
    function, inputs = FUNCTIONS[name]
    found = compare(Function(function), inputs, macs=name not in UNCOUNTED)
    assert found.error < 1e-5
    assert found.macs == found.expected_macs


def layers() -> dict[str, tuple[nn.Module, tuple[Tensor, ...]]]:
    """Modules that own parameters."""
    torch.manual_seed(0)
    return {
        "linear": (nn.Linear(8, 3), SEQUENCE),
        "linear without bias": (nn.Linear(8, 3, bias=False), ROWS),
        "conv1d": (nn.Conv1d(4, 6, 3, padding=1, stride=2), SIGNAL),
        "conv2d": (nn.Conv2d(4, 6, (3, 2), stride=2, dilation=2, groups=2), IMAGE),
        "conv2d, same": (nn.Conv2d(4, 4, 4, padding="same", bias=False), IMAGE),
        "conv2d, reflected": (nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"), IMAGE),
        "conv_transpose2d": (nn.ConvTranspose2d(4, 6, 3, stride=2, output_padding=1, groups=2), IMAGE),
        "batch_norm": (nn.BatchNorm2d(4, eps=1e-3, momentum=0.01), IMAGE),
        "batch_norm of rows": (nn.BatchNorm1d(8, affine=False), ROWS),
        "batch_norm without statistics": (nn.BatchNorm2d(4, track_running_stats=False), IMAGE),
        "layer_norm": (nn.LayerNorm(8), SEQUENCE),
        "layer_norm without scale": (nn.LayerNorm([5, 8], elementwise_affine=False), SEQUENCE),
        "rms_norm": (nn.RMSNorm(8, eps=1e-6), SEQUENCE),
        "rms_norm, default": (nn.RMSNorm(8), SEQUENCE),
        "group_norm": (nn.GroupNorm(2, 4), IMAGE),
        "instance_norm": (nn.InstanceNorm2d(4, affine=True), IMAGE),
        "embedding": (nn.Embedding(7, 5, padding_idx=0), NUMBERS),
        "prelu": (nn.PReLU(4), IMAGE),
        "attention": (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), SEQUENCE),
        "attention, norm first": (nn.TransformerEncoderLayer(8, 2, 16, norm_first=True), SEQUENCE),
        "lstm": (nn.LSTM(8, 6, 2, batch_first=True, bidirectional=True), SEQUENCE),
        "gru": (nn.GRU(8, 6, batch_first=True), SEQUENCE),
        "parameter": (
            Holding(lambda x, table: torch.cat([table.expand(x.shape[0], -1, -1), x], 1), 1, 2, 8),
            SEQUENCE,
        ),
        "computed matrix": (Holding(lambda x, table: F.linear(x, table.exp()), 3, 8), SEQUENCE),
        "matrix the other way round": (
            Holding(lambda x, table: torch.addmm(table[0], x, table[1:]), 9, 8),
            ROWS,
        ),
        "picked from a table": (
            Holding(lambda x, table: x + table[torch.tensor([4, 0, 4, 1, 2])], 5, 8),
            SEQUENCE,
        ),
        "buffer": (Buffered(lambda x, table: x * table, torch.linspace(0, 1, 8)), ROWS),
        "large buffer": (Buffered(lambda x, table: x @ table, torch.randn(8, 1000)), ROWS),
    }


@pytest.mark.parametrize("name", layers())
def test_a_layer_keeps_its_values_and_all_its_parameters(name: str) -> None:
    module, inputs = layers()[name]
    found = compare(module, inputs, macs=name not in ("lstm", "gru"))
    assert found.error < 1e-5
    assert found.parameters == found.expected_parameters == sum(p.numel() for p in module.parameters())
    assert found.macs == found.expected_macs
