"""Lower transforms into the frequency domain and back."""

from collections.abc import Mapping

from esper_graph.compile.lowering.site import Lowered, Lowering, Site
from esper_graph.compile.lowering.source import call, integer

_NORMS: Mapping[str, str] = {norm: f'"{norm}"' for norm in ("backward", "ortho", "forward")}


def _transform(site: Site, op: str) -> str:
    return site.call(op, site.tensor(), "None", integer(site.a.dim), _NORMS[site.a.norm])


def lower_fft(site: Site) -> tuple[Lowered, ...]:
    """`aten::fft_fft`."""
    return (_transform(site, "fft_fft"),)


def lower_ifft(site: Site) -> tuple[Lowered, ...]:
    """The real part of `aten::fft_ifft`."""
    return (site.call("real", _transform(site, "fft_ifft")),)


def lower_hartley(site: Site) -> tuple[Lowered, ...]:
    """Real minus imaginary part of the Fourier transform."""
    found = _transform(site, "fft_fft")
    return (site.call("sub", call("real", found), call("imag", found)),)


LOWERINGS: Mapping[str, Lowering] = {"fft": lower_fft, "ifft": lower_ifft, "hartley": lower_hartley}
