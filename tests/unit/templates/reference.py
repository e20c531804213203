"""The templates once more, as plain torch modules written independently: what counts and results must equal.

Parts are created in the order in which the blueprint lists its nodes, so that parameters can be paired.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class TransformerBlock(nn.Module):
    def __init__(
        self, d_model: int = 512, n_heads: int = 8, d_ff: int = 2048, *, pre_norm: bool = True
    ) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(d_model, n_heads, d_ff, 0.0, batch_first=True, norm_first=pre_norm)
        # Ours lists the first norm before the attention when it comes first.
        first, last = (layer.norm1, layer.self_attn) if pre_norm else (layer.self_attn, layer.norm1)
        self.first, self.second = first, last
        if pre_norm:
            self.third, self.fourth, self.fifth = layer.norm2, layer.linear1, layer.linear2
        else:
            self.third, self.fourth, self.fifth = layer.linear1, layer.linear2, layer.norm2
        self.layer = [layer]  # in a list: its parameters are registered above

    def forward(self, x: Tensor) -> Tensor:
        layer = self.layer[0]
        layer.train()  # the fast path of evaluation hides its products; there is no dropout
        return layer(x)


class AttentionHead(nn.Module):
    def __init__(self, d_model: int = 512, d_head: int = 64, *, causal: bool = False) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(d_model, d_head) for _ in range(3))
        self.causal = causal

    def forward(self, x: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(
            self.query(x), self.key(x), self.value(x), is_causal=self.causal
        )


class MobileNetBlock(nn.Module):
    def __init__(
        self, channels: int, width: int, stride: int = 1, expand: int = 6, kernel: int = 3, *, se: bool = True
    ) -> None:
        super().__init__()
        inner = channels * expand
        self.expand = nn.Sequential(
            nn.Conv2d(channels, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.Hardswish()
        )
        if expand == 1:
            self.expand = nn.Sequential()
        self.depthwise = nn.Sequential(
            nn.Conv2d(inner, inner, kernel, stride, kernel // 2, groups=inner, bias=False),
            nn.BatchNorm2d(inner),
            nn.Hardswish(),
        )
        self.se = nn.Sequential()
        if se:
            middle = inner // 4
            self.se = nn.Sequential(
                nn.Linear(inner, middle), nn.ReLU(), nn.Linear(middle, inner), nn.Hardsigmoid()
            )
        self.project = nn.Sequential(nn.Conv2d(inner, width, 1, bias=False), nn.BatchNorm2d(width))
        self.skip = stride == 1 and channels == width

    def forward(self, x: Tensor) -> Tensor:
        y = self.depthwise(self.expand(x))
        if len(self.se):
            y = y * self.se(y.mean((2, 3)))[:, :, None, None]
        return self.project(y) + (x if self.skip else 0)


class Fire(nn.Module):
    def __init__(self, channels: int = 96, squeeze: int = 16, one: int = 64, three: int = 64) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeeze, 1)
        self.one, self.three = nn.Conv2d(squeeze, one, 1), nn.Conv2d(squeeze, three, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.squeeze(x).relu()
        return torch.cat([self.one(y).relu(), self.three(y).relu()], 1)


class Expert(nn.Module):
    def __init__(self, width: int, out: int, *, gated: bool = False) -> None:
        super().__init__()
        self.linear1 = nn.Linear(width, 4 * out)
        self.gate = nn.Linear(width, 4 * out) if gated else None
        self.linear2 = nn.Linear(4 * out, out)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.linear1(x)
        return self.linear2(F.gelu(inner) if self.gate is None else F.gelu(self.gate(x)) * inner)


class MoeLayer(nn.Module):
    """Every expert computes every row, as the cost of the graph counts them."""

    def __init__(self, width: int, out: int, experts: int = 8, top_k: int = 2) -> None:
        super().__init__()
        self.gate = nn.Linear(width, experts)
        self.experts = nn.ModuleList(Expert(width, out) for _ in range(experts))
        self.top_k = top_k

    def forward(self, x: Tensor) -> Tensor:
        best, chosen = self.gate(x).softmax(-1).topk(self.top_k)
        weights = best / best.sum(-1, keepdim=True) if self.top_k > 1 else best
        every = torch.stack([expert(x) for expert in self.experts], 1)
        return (
            weights[:, :, None] * every.gather(1, chosen[:, :, None].expand(-1, -1, every.shape[-1]))
        ).sum(1)


class DynamicRouting(nn.Module):
    def __init__(self, width: int, paths: int = 4, *, temperature: float = 1.0, hard: bool = False) -> None:
        super().__init__()
        self.router = nn.Linear(width, paths)
        kinds: list[Callable[[], nn.Module]] = [
            lambda: nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width)),
            lambda: nn.Sequential(nn.Linear(width, width // 2), nn.Linear(width // 2, width)),
            nn.Identity,
            lambda: Spectral(width),
        ]
        self.paths = nn.ModuleList(kinds[number % 4]() for number in range(paths))
        self.project = nn.Linear(width, width)
        self.temperature, self.hard = temperature, hard

    def forward(self, x: Tensor) -> Tensor:
        weights = (self.router(x) / self.temperature).softmax(-1)
        if self.hard:
            weights = F.one_hot(weights.argmax(-1), weights.shape[-1]).to(x.dtype)
        return self.project(sum(weights[:, [number]] * path(x) for number, path in enumerate(self.paths)))


class Spectral(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        found = torch.fft.fft(x)
        mixed = torch.complex(self.linear(found.real), F.linear(found.imag, self.linear.weight))
        return torch.fft.ifft(mixed).real


class Conditional(nn.Module):
    def __init__(self, width: int, *, hard: bool = True) -> None:
        super().__init__()
        self.gate = nn.Linear(width, 2)
        self.body = nn.Sequential(nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width))
        self.hard = hard

    def forward(self, x: Tensor) -> Tensor:
        weights = self.gate(x).softmax(-1)
        if self.hard:
            weights = F.one_hot(weights.argmax(-1), 2).to(x.dtype)
        return weights[:, [0]] * x + weights[:, [1]] * self.body(x)
