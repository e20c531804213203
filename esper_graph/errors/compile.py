"""What cannot be imported, compiled, found or trusted."""

from collections.abc import Sequence
from typing import ClassVar

from esper_graph.errors.base import EsperGraphError


class CompileError(EsperGraphError):
    """A blueprint could not be compiled."""


class LoweringError(CompileError):
    """The compiler has no way to express an op, attribute or precision."""


class ImporterError(CompileError):
    """A module cannot be read as a blueprint.

    Attributes:
        refused: What has no counterpart among our ops: op, where in the module tree, and why; each call once.
    """

    _SHOWN: ClassVar[int] = 20

    def __init__(
        self,
        message: str,
        *,
        refused: Sequence[tuple[str, str, str]] = (),
        where: Sequence[str] = (),
        hint: str | None = None,
    ) -> None:
        self.refused = tuple(refused)
        shown = [f"{op}  {place or 'the module itself'}: {why}" for op, place, why in self.refused]
        if len(shown) > self._SHOWN:
            shown[self._SHOWN :] = [f"and {len(shown) - self._SHOWN} more"]
        super().__init__(message, where=[*where, *shown], hint=hint)


class KernelError(CompileError):
    """A kernel cannot be stored, found or used."""


class KernelNotFoundError(KernelError, LookupError):
    """No recorded kernel has this digest, or several begin with it.

    Attributes:
        digest: The digest, or its beginning.
        several: Some that begin with it.
    """

    exit_code = 3

    def __init__(self, digest: str, *, several: Sequence[str] = ()) -> None:
        self.digest = digest
        self.several = tuple(several)
        if several:
            super().__init__(f"several kernels begin with `{digest}`", where=several, hint="give more digits")
        else:
            super().__init__(
                f"no kernel has the digest `{digest}`",
                hint="give its first digits, four or more; `esper-graph kernel list ID` lists kernels",
            )


class KernelBytesMissingError(KernelError):
    """A kernel is recorded, but its bytes are not where this machine keeps kernels."""

    exit_code = 3

    def __init__(self, digest: str, place: str) -> None:
        self.digest = digest
        self.place = place
        super().__init__(
            f"the bytes of kernel `{digest}` are not here",
            where=[f"looked in  {place}"],
            hint="set ESPER_GRAPH_KERNELS to where they are, or compile again: the bytes are reproducible",
        )


class UntrustedKernelError(KernelError):
    """The bytes of a kernel are not the recorded ones; they were not loaded.

    Attributes:
        digest: SHA-256 in the record.
        found: SHA-256 of the bytes.
    """

    def __init__(self, digest: str, found: str, place: str) -> None:
        self.digest = digest
        self.found = found
        super().__init__(
            f"kernel `{digest}` does not have the recorded bytes and was not loaded",
            where=[f"file   {place}", f"found  {found}"],
            hint="remove the file and compile again",
        )
