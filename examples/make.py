"""Real architectures, written with the Builder; run it to write the JSON files beside it again.

python examples/make.py
esper-graph blueprint register examples/resnet18.json
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from sys import stdout

from esper_graph import BlueprintIR, Builder, residual
from esper_graph.ir.build import Wire

HERE = Path(__file__).parent
WRITTEN = datetime(2026, 11, 24, tzinfo=UTC)
"""The author's clock when the files were first written; it stays, so that writing again changes nothing."""


# ---------------------------------------------------------------- ResNet-18


def resnet18() -> BlueprintIR:
    """ResNet-18 for ImageNet: He et al. 2016, as torchvision has it."""
    b = Builder(
        "resnet18",
        name="ResNet-18",
        description="Deep residual learning for image recognition, He et al. 2016; 1000 classes of ImageNet.",
        tags=["classification", "convolution", "residual", "vision"],
    )
    x = b.input([-1, 3, -1, -1])
    x = _conv_norm(b, x, 3, 64, "stem", kernel_size=7, stride=2)
    x = b.activation(x, type="relu", id="stem_act")
    x = b.pooling(x, type="max_pool2d", kernel_size=3, stride=2, padding=1, id="stem_pool")
    channels = 64
    for stage, width in enumerate((64, 128, 256, 512), start=1):
        for number in (1, 2):
            stride = 2 if stage > 1 and number == 1 else 1
            x = _basic_block(b, x, channels, width, stride, f"stage{stage}_block{number}")
            channels = width
    x = b.pooling(x, type="adaptive_avg_pool2d", output_size=1, id="pool")
    x = b.flatten(x, start_dim=1, id="flatten")
    b.output(b.linear(x, in_features=512, out_features=1000, id="head"))
    return b.finish()


def _basic_block(b: Builder, x: Wire, channels: int, width: int, stride: int, block: str) -> Wire:
    """Two 3x3 convolutions beside a skip, which is a 1x1 convolution where the shape changes."""
    y = _conv_norm(b, x, channels, width, f"{block}_1", kernel_size=3, stride=stride)
    y = b.activation(y, type="relu", id=f"{block}_act1")
    y = _conv_norm(b, y, width, width, f"{block}_2", kernel_size=3)
    if stride != 1 or channels != width:
        x = _conv_norm(b, x, channels, width, f"{block}_skip", kernel_size=1, stride=stride)
    return b.activation(b.add(y, residual(x), id=f"{block}_add"), type="relu", id=f"{block}_act2")


def _conv_norm(
    b: Builder,
    x: Wire,
    channels: int,
    width: int,
    name: str,
    *,
    kernel_size: int,
    stride: int = 1,
    groups: int = 1,
    eps: float = 1e-5,
    momentum: float = 0.1,
) -> Wire:
    """A convolution without bias that keeps the size at stride 1, and its batch norm."""
    x = b.conv2d(
        x,
        in_channels=channels,
        out_channels=width,
        kernel_size=kernel_size,
        stride=stride,
        padding=kernel_size // 2,
        groups=groups,
        bias=False,
        id=f"{name}_conv",
    )
    return b.normalization(
        x, type="batch_norm", num_features=width, eps=eps, momentum=momentum, id=f"{name}_norm"
    )


# ---------------------------------------------------------------- MobileNetV3-Small

# in, window, inside, out, squeeze and excitation, activation, stride
_BLOCKS = (
    (16, 3, 16, 16, True, "relu", 2),
    (16, 3, 72, 24, False, "relu", 2),
    (24, 3, 88, 24, False, "relu", 1),
    (24, 5, 96, 40, True, "hardswish", 2),
    (40, 5, 240, 40, True, "hardswish", 1),
    (40, 5, 240, 40, True, "hardswish", 1),
    (40, 5, 120, 48, True, "hardswish", 1),
    (48, 5, 144, 48, True, "hardswish", 1),
    (48, 5, 288, 96, True, "hardswish", 2),
    (96, 5, 576, 96, True, "hardswish", 1),
    (96, 5, 576, 96, True, "hardswish", 1),
)


def mobilenet_v3_small() -> BlueprintIR:
    """MobileNetV3-Small for ImageNet: Howard et al. 2019, as torchvision has it."""
    b = Builder(
        "mobilenet_v3_small",
        name="MobileNetV3-Small",
        description="Searching for MobileNetV3, Howard et al. 2019; 1000 classes of ImageNet.",
        tags=["classification", "depthwise", "efficient", "mobile", "vision"],
        limits={"max_depth": 200},
    )
    x = b.input([-1, 3, -1, -1])
    x = _mobile_conv(b, x, 3, 16, "stem", kernel_size=3, stride=2)
    x = b.activation(x, type="hardswish", id="stem_act")
    for number, (channels, window, inside, width, excite, activation, stride) in enumerate(_BLOCKS, start=1):
        block, y = f"block{number}", x
        if inside != channels:
            y = _mobile_conv(b, y, channels, inside, f"{block}_expand", kernel_size=1)
            y = b.activation(y, type=activation, id=f"{block}_expand_act")
        y = _mobile_conv(
            b, y, inside, inside, f"{block}_depthwise", kernel_size=window, stride=stride, groups=inside
        )
        y = b.activation(y, type=activation, id=f"{block}_depthwise_act")
        if excite:
            y = _squeeze_excite(b, y, inside, block)
        y = _mobile_conv(b, y, inside, width, f"{block}_project", kernel_size=1)
        x = b.add(y, residual(x), id=f"{block}_add") if stride == 1 and channels == width else y
    x = _mobile_conv(b, x, 96, 576, "last", kernel_size=1)
    x = b.activation(x, type="hardswish", id="last_act")
    x = b.pooling(x, type="adaptive_avg_pool2d", output_size=1, id="pool")
    x = b.flatten(x, start_dim=1, id="flatten")
    x = b.activation(
        b.linear(x, in_features=576, out_features=1024, id="head1"), type="hardswish", id="head_act"
    )
    x = b.dropout(x, p=0.2, id="dropout")
    b.output(b.linear(x, in_features=1024, out_features=1000, id="head2"))
    return b.finish()


def _mobile_conv(b: Builder, x: Wire, channels: int, width: int, name: str, **settings: int) -> Wire:
    return _conv_norm(b, x, channels, width, name, eps=0.001, momentum=0.01, **settings)  # pyright: ignore[reportArgumentType]


def _squeeze_excite(b: Builder, x: Wire, channels: int, block: str) -> Wire:
    """Weigh the channels by two 1x1 convolutions of their means; the middle is a multiple of 8."""
    middle = max(8, (channels // 4 + 4) // 8 * 8)
    if middle < 0.9 * channels / 4:
        middle += 8
    y = b.pooling(x, type="adaptive_avg_pool2d", output_size=1, id=f"{block}_se_pool")
    y = b.conv2d(y, in_channels=channels, out_channels=middle, kernel_size=1, id=f"{block}_se_conv1")
    y = b.activation(y, type="relu", id=f"{block}_se_act")
    y = b.conv2d(y, in_channels=middle, out_channels=channels, kernel_size=1, id=f"{block}_se_conv2")
    y = b.activation(y, type="hardsigmoid", id=f"{block}_se_gate")
    return b.multiply(x, y, id=f"{block}_se_mul")


# ---------------------------------------------------------------- U-Net


def unet_level() -> BlueprintIR:
    """One level of a U-Net: down to half the size, up again, joined with what was there before."""
    b = Builder(
        "unet_level",
        name="U-Net level, 64 channels",
        description="U-Net, Ronneberger et al. 2015, with batch norms and padded convolutions.",
        tags=["convolution", "segmentation", "skip", "vision"],
    )
    x = b.input([-1, 64, "2*height", "2*width"])
    b.output(_level(b, x, 64, "level", lambda y: _double_conv(b, y, 64, 128, "bottom")))
    return b.finish()


def unet() -> BlueprintIR:
    """A whole U-Net of four levels over RGB images, for two classes; sides are multiples of 16."""
    b = Builder(
        "unet",
        name="U-Net",
        description="U-Net, Ronneberger et al. 2015, with batch norms and padded convolutions; two classes.",
        tags=["convolution", "segmentation", "skip", "vision"],
    )
    x = _double_conv(b, b.input([-1, 3, "16*height", "16*width"]), 3, 64, "down0")
    x = _levels(b, x, 64, 1)
    b.output(b.conv2d(x, in_channels=64, out_channels=2, kernel_size=1, id="head"))
    return b.finish()


def _levels(b: Builder, x: Wire, channels: int, depth: int) -> Wire:
    def inside(y: Wire) -> Wire:
        y = _double_conv(b, y, channels, 2 * channels, f"down{depth}")
        return _levels(b, y, 2 * channels, depth + 1) if depth < 4 else y

    return _level(b, x, channels, f"up{depth}", inside)


def _level(b: Builder, x: Wire, channels: int, level: str, inside: Callable[[Wire], Wire]) -> Wire:
    """Halve the size, do what is inside, which doubles the channels, and come back."""
    y = inside(b.pooling(x, type="max_pool2d", kernel_size=2, id=f"{level}_pool"))
    y = b.conv_transpose2d(
        y, in_channels=2 * channels, out_channels=channels, kernel_size=2, stride=2, id=f"{level}_upsample"
    )
    y = b.concat(x, y, dim=1, id=f"{level}_concat")
    return _double_conv(b, y, 2 * channels, channels, level)


def _double_conv(b: Builder, x: Wire, channels: int, width: int, name: str) -> Wire:
    for number in (1, 2):
        x = _conv_norm(b, x, channels, width, f"{name}_{number}", kernel_size=3)
        x = b.activation(x, type="relu", id=f"{name}_act{number}")
        channels = width
    return x


# ---------------------------------------------------------------- sequences


def gpt2_layer() -> BlueprintIR:
    """One layer of the small GPT-2: 768 features, 12 heads, norms first, causal."""
    b = Builder(
        "gpt2_layer",
        name="GPT-2 layer, 768 features",
        description="Language models are unsupervised multitask learners, Radford et al. 2019; small.",
        tags=["attention", "causal", "nlp", "transformer"],
    )
    x = b.input([-1, -1, 768])
    y = b.normalization(x, type="layer_norm", normalized_shape=[768], id="ln_1")
    y = b.attention(y, embed_dim=768, num_heads=12, dropout=0.1, causal=True, id="attn")
    x = b.add(b.dropout(y, p=0.1, id="attn_dropout"), residual(x), id="attn_add")
    y = b.normalization(x, type="layer_norm", normalized_shape=[768], id="ln_2")
    y = b.linear(y, in_features=768, out_features=3072, id="mlp_fc")
    y = b.activation(y, type="gelu", approximate="tanh", id="mlp_act")
    y = b.linear(y, in_features=3072, out_features=768, id="mlp_proj")
    b.output(b.add(b.dropout(y, p=0.1, id="mlp_dropout"), residual(x), id="mlp_add"))
    return b.finish()


def lstm_tagger() -> BlueprintIR:
    """A part-of-speech tagger: words, two bidirectional LSTM layers, the 17 universal tags."""
    b = Builder(
        "lstm_tagger",
        name="BiLSTM tagger",
        description="Bidirectional LSTM tagger over 10,000 words; 17 universal parts of speech.",
        tags=["lstm", "nlp", "recurrent", "tagging"],
    )
    x = b.input([-1, -1], dtype="int64")
    x = b.embedding(x, num_embeddings=10_000, embedding_dim=128, padding_idx=0, id="words")
    x = b.dropout(x, p=0.3, id="word_dropout")
    x = b.recurrent(
        x,
        type="lstm",
        input_size=128,
        hidden_size=128,
        num_layers=2,
        bidirectional=True,
        dropout=0.3,
        id="lstm",
    )
    b.output(b.linear(x["output"], in_features=256, out_features=17, id="tags"))
    return b.finish()


def mlp_mixer_block() -> BlueprintIR:
    """One block of Mixer-S/16: linear maps over the 196 patches, then over the 512 channels."""
    b = Builder(
        "mlp_mixer_block",
        name="MLP-Mixer block, S/16",
        description="MLP-Mixer, Tolstikhin et al. 2021; one block of Mixer-S/16 at 224 by 224 pixels.",
        tags=["feedforward", "mixer", "vision"],
    )
    x = b.input([-1, 196, 512])
    y = b.normalization(x, type="layer_norm", normalized_shape=[512], eps=1e-6, id="token_norm")
    y = b.transpose(y, dim0=1, dim1=2, id="to_tokens")
    y = _mlp(b, y, 196, 256, "token")
    y = b.transpose(y, dim0=1, dim1=2, id="to_channels")
    x = b.add(y, residual(x), id="token_add")
    y = b.normalization(x, type="layer_norm", normalized_shape=[512], eps=1e-6, id="channel_norm")
    b.output(b.add(_mlp(b, y, 512, 2048, "channel"), residual(x), id="channel_add"))
    return b.finish()


def _mlp(b: Builder, x: Wire, width: int, inside: int, name: str) -> Wire:
    x = b.linear(x, in_features=width, out_features=inside, id=f"{name}_fc1")
    x = b.activation(x, type="gelu", id=f"{name}_act")
    return b.linear(x, in_features=inside, out_features=width, id=f"{name}_fc2")


# ---------------------------------------------------------------- the files

EXAMPLES: Mapping[str, Callable[[], BlueprintIR]] = {
    make.__name__: make
    for make in (resnet18, mobilenet_v3_small, unet_level, unet, gpt2_layer, lstm_tagger, mlp_mixer_block)
}


def document(name: str) -> str:
    """Return the JSON document of an example."""
    example = EXAMPLES[name]()
    example.validate()
    costs = example.cost()
    return (
        example.changed(
            author="esper_graph",
            created_at=WRITTEN,
            estimated_flops=costs.flops,
            estimated_parameters=costs.parameters,
            estimated_memory_mb=costs.memory_mb,
        ).to_json()
        + "\n"
    )


def main() -> None:
    """Write every example."""
    for name in EXAMPLES:
        path = HERE / f"{name}.json"
        path.write_text(document(name), encoding="utf-8", newline="\n")
        stdout.write(f"{path.name}\n")


if __name__ == "__main__":
    main()
