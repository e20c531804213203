"""Load kernels: bytes are compared with the recorded digest before torch sees them."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from esper_graph.compile.archive import digest_of, read_facts, read_kept
from esper_graph.compile.job import CompileResult
from esper_graph.compile.kernel_files import KernelFiles, checked_digest
from esper_graph.errors import KernelError, UntrustedKernelError

if TYPE_CHECKING:
    import torch

    from esper_graph.compile.weights import Weights


def load_kernel(data: bytes, digest: str, *, place: str = "memory", device: str = "cpu") -> "torch.nn.Module":
    """Load a kernel whose bytes have the digest.

    The module is called with the blueprint's inputs in the order of their `index`, and returns one tensor,
    or a tuple in the order of the outputs' `index`. A kernel for training can be trained and switched with
    `train()` and `eval()`; its `forward_with_metrics` returns the results and a dictionary of metrics, and
    its `gradient_metrics`, after `backward()`, those that are measured on gradients.

    Args:
        digest: SHA-256 of the bytes, from the record.
        place: Where the bytes come from, for messages.

    Raises:
        UntrustedKernelError: The bytes are other ones; nothing of them was run.
        KernelError: torch cannot load them here.
    """
    found = digest_of(data)
    if found != checked_digest(digest):
        raise UntrustedKernelError(digest, found, place)
    facts = read_facts(data)
    import torch

    from esper_graph.compile.build import quiet

    try:
        with quiet():
            return torch.jit.load(io.BytesIO(data), map_location=device)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    except (RuntimeError, torch.jit.Error) as error:
        raise KernelError(
            f"torch {torch.__version__} cannot load kernel `{digest}`",
            where=[f"compiled with  torch {facts.get('torch')}"],
            hint="compile the blueprint again",
        ) from error


@dataclass(frozen=True, slots=True)
class Kernel:
    """A compiled kernel whose bytes are kept in a directory.

    Attributes:
        digest: SHA-256 of the bytes.
        files: Where they are.
    """

    digest: str
    files: KernelFiles

    @classmethod
    def keep(cls, result: CompileResult, files: KernelFiles) -> "Kernel":
        """Write the bytes of a fresh kernel.

        Raises:
            KernelError: They cannot be written.
        """
        files.write(result.data, result.digest)
        return cls(result.digest, files)

    @property
    def place(self) -> str:
        """Path or URL of the bytes."""
        return self.files.place(self.digest)

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the file says about itself: fingerprint, mode, passes, versions, names of parameters.

        Raises:
            KernelBytesMissingError: The bytes are not here.
            UntrustedKernelError: They are not the recorded ones.
        """
        return read_facts(self.files.read(self.digest))

    def load(self, device: str = "cpu") -> "torch.nn.Module":
        """Load it as a module; see `load_kernel`.

        Raises:
            KernelBytesMissingError: The bytes are not here.
            UntrustedKernelError: They are not the recorded ones; nothing of them was run.
            KernelError: torch cannot load them here.
        """
        return load_kernel(self.files.read(self.digest), self.digest, place=self.place, device=device)

    def weights(self, module: "torch.nn.Module | None" = None) -> "Weights":
        """Return the weights: those that were compiled in, or those that a loaded module has now.

        Where norms were folded into them for inference, these are the weights as they were given.

        Args:
            module: What `load` returned, such as a kernel for training that has been trained since.

        Raises:
            KernelBytesMissingError: The bytes are not here.
            UntrustedKernelError: They are not the recorded ones.
        """
        from esper_graph.compile.weights import take_weights
        from esper_graph.compile.weights_file import read_tensors

        data = self.files.read(self.digest)
        kept = read_kept(data)
        loaded = module if module is not None else load_kernel(data, self.digest, place=self.place)
        return take_weights(loaded, read_facts(data), {} if kept is None else read_tensors(kept))

    def state_dict(self, module: "torch.nn.Module | None" = None) -> "dict[str, torch.Tensor]":
        """Return the weights under the names of the original module, which loads them; see `weights`."""
        return self.weights(module).state_dict()
