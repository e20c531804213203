"""Convolution blocks that save parameters and work: inverted residual, fire module."""
# ruff: noqa: FBT001, FBT002 - the specification fixes these signatures

from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder, residual
from esper_graph.templates._arguments import Arguments
from esper_graph.templates._naming import finished


def create_mobilenet_block(
    in_channels: int,
    out_channels: int,
    stride: int = 1,
    expand_ratio: int = 6,
    kernel_size: int = 3,
    use_se: bool = True,
    se_ratio: float = 0.25,
) -> BlueprintIR:
    """An inverted residual of MobileNetV3: widen, convolve each channel alone, weigh the channels, narrow.

    The skip is there where it fits: stride 1 and as many channels out as in.

    Args:
        in_channels: Channels of the image.
        out_channels: Channels of the result.
        stride: Step of the depthwise convolution.
        expand_ratio: How much wider the inside is; 1 leaves the widening out.
        kernel_size: Width of the depthwise convolution's window.
        use_se: Weigh the channels by squeeze and excitation.
        se_ratio: Features inside squeeze and excitation, as a share of the inner channels, rounded down.

    Raises:
        BadAttributeError: An argument is wrong.

    Example:
        >>> create_mobilenet_block(40, 40).cost({"batch": 8, "d0_2": 28, "d0_3": 28}).flops
        268400640
    """
    arguments = Arguments("create_mobilenet_block")
    arguments.size(
        in_channels=in_channels,
        out_channels=out_channels,
        stride=stride,
        expand_ratio=expand_ratio,
        kernel_size=kernel_size,
    )
    arguments.flag(use_se=use_se)
    arguments.share(se_ratio=se_ratio)
    arguments.settle()
    inner_channels = in_channels * expand_ratio
    se_channels = int(inner_channels * se_ratio)
    skip = stride == 1 and in_channels == out_channels
    if use_se and se_channels < 1:
        arguments.refuse(
            "se_ratio",
            f"se_ratio={se_ratio} of {inner_channels} inner channels leaves none",
            f"set `se_ratio` to {1 / inner_channels:g} or more, or `use_se` to False",
            value=se_ratio,
        )
    if skip and kernel_size % 2 == 0:
        arguments.refuse(
            "kernel_size",
            f"kernel_size={kernel_size} is even: the result outgrows the image, and no skip fits",
            f"set `kernel_size` to {kernel_size + 1}",
            value=kernel_size,
        )
    arguments.settle()

    b = Builder(
        f"mobilenet_block_{in_channels}_{out_channels}_s{stride}",
        name=f"MobileNet block, {in_channels} to {out_channels} channels, stride {stride}",
        tags=["depthwise", "efficient", "inverted_residual", "mobile"],
    )
    image = x = b.input([-1, in_channels, -1, -1])
    if expand_ratio != 1:
        x = b.conv2d(
            x,
            in_channels=in_channels,
            out_channels=inner_channels,
            kernel_size=1,
            bias=False,
            id="expand",
            compute_intensity=0.1,
        )
        x = b.normalization(x, type="batch_norm", num_features=inner_channels, id="bn1")
        x = b.activation(x, type="hardswish", id="act1")
    x = b.conv2d(
        x,
        in_channels=inner_channels,
        out_channels=inner_channels,
        kernel_size=kernel_size,
        stride=stride,
        padding=kernel_size // 2,
        groups=inner_channels,
        bias=False,
        id="depthwise",
        compute_intensity=0.2,
    )
    x = b.normalization(x, type="batch_norm", num_features=inner_channels, id="bn2")
    x = b.activation(x, type="hardswish", id="act2")
    if use_se:
        weights = b.pooling(x, type="adaptive_avg_pool2d", output_size=1, id="se_pool")
        weights = b.flatten(weights, start_dim=1, id="se_flatten")
        weights = b.linear(weights, in_features=inner_channels, out_features=se_channels, id="se_fc1")
        weights = b.activation(weights, type="relu", id="se_act")
        weights = b.linear(weights, in_features=se_channels, out_features=inner_channels, id="se_fc2")
        weights = b.activation(weights, type="hardsigmoid", id="se_sigmoid")
        weights = b.unflatten(weights, dim=1, sizes=[inner_channels, 1, 1], id="se_unflatten")
        x = b.multiply(x, weights, id="se_mul")
    x = b.conv2d(
        x,
        in_channels=inner_channels,
        out_channels=out_channels,
        kernel_size=1,
        bias=False,
        id="project",
        compute_intensity=0.1,
    )
    x = b.normalization(x, type="batch_norm", num_features=out_channels, id="bn3")
    b.output(b.add(x, residual(image), id="residual") if skip else x)
    return finished(
        b.finish(),
        create_mobilenet_block,
        expand_ratio=expand_ratio,
        kernel_size=kernel_size,
        use_se=use_se,
        se_ratio=se_ratio,
    )


def create_squeezenet_fire(
    in_channels: int = 96,
    squeeze_channels: int = 16,
    expand1x1_channels: int = 64,
    expand3x3_channels: int = 64,
) -> BlueprintIR:
    """A fire module of SqueezeNet: narrow to few channels, then widen by 1x1 and by 3x3 windows side by side.

    The defaults are those of the first fire module of SqueezeNet 1.0.

    Args:
        in_channels: Channels of the image.
        squeeze_channels: Channels in the middle.
        expand1x1_channels: Channels of the result that see one pixel.
        expand3x3_channels: Channels of the result that see nine.

    Raises:
        BadAttributeError: An argument is wrong.

    Example:
        >>> create_squeezenet_fire().estimated_parameters
        11920
    """
    arguments = Arguments("create_squeezenet_fire")
    arguments.size(
        in_channels=in_channels,
        squeeze_channels=squeeze_channels,
        expand1x1_channels=expand1x1_channels,
        expand3x3_channels=expand3x3_channels,
    )
    arguments.settle()

    b = Builder(
        f"squeezenet_fire_{in_channels}_{squeeze_channels}_{expand1x1_channels}_{expand3x3_channels}",
        name=f"Fire module, {in_channels} to {expand1x1_channels} + {expand3x3_channels} channels",
        tags=["efficient", "fire", "mobile", "squeezenet"],
    )
    image = b.input([-1, in_channels, -1, -1])
    squeezed = b.conv2d(
        image, in_channels=in_channels, out_channels=squeeze_channels, kernel_size=1, id="squeeze"
    )
    squeezed = b.activation(squeezed, type="relu", id="squeeze_act")
    expanded = [
        b.activation(
            b.conv2d(
                squeezed,
                in_channels=squeeze_channels,
                out_channels=channels,
                kernel_size=width,
                padding=width // 2,
                id=f"expand{width}x{width}",
            ),
            type="relu",
            id=f"expand{width}x{width}_act",
        )
        for channels, width in ((expand1x1_channels, 1), (expand3x3_channels, 3))
    ]
    b.output(b.concat(*expanded, dim=1, id="concat"))
    return finished(b.finish(), create_squeezenet_fire)
