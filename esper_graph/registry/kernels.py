"""Verbs about kernels: compile, load, verify, list."""

from typing import TYPE_CHECKING

from esper_graph.errors import KernelError, KernelNotFoundError
from esper_graph.property_graph.answer import Answer
from esper_graph.property_graph.records import CompileAttempt, KernelRecord
from esper_graph.registry.base import OpenStore

if TYPE_CHECKING:
    from pathlib import Path

    from esper_graph.compile import Kernel
    from esper_graph.compile.weights import Given


class Kernels(OpenStore):
    """What compiles blueprints and finds what was compiled."""

    def compile(
        self,
        blueprint_id: str,
        *,
        mode: str = "infer",
        seed: int = 0,
        weights: "str | Path | Given | None" = None,
        validate: bool = True,
        actor: str | None = None,
        reason: str | None = None,
    ) -> "Kernel":
        """Compile a blueprint, or find the kernel that the same request made before.

        Args:
            mode: `infer`, or `train` for a kernel whose weights can be trained.
            seed: What the initial weights are drawn with.
            weights: Weights to compile in: a safetensors file, what `import_with_weights` returned, or a
                `state_dict` with names like `fc1.weight`. For inference, batch norms are folded into them.
            validate: Compare the kernel with the reference interpreter and record the result.

        Raises:
            LoweringError: The compiler has no way to express it; the attempt is recorded with the reason.
            KernelError: The weights are not exactly those of the blueprint; nothing is recorded.
        """
        from esper_graph.registry.compilation import compile_registered
        from esper_graph.store import blueprints

        blueprint = self[blueprint_id]
        return compile_registered(
            self.engine,
            blueprint,
            blueprints.origins(self.engine, blueprint.id),
            self._kernel_files(),
            lambda action: self._operation(action, actor, reason),
            mode=mode,
            seed=seed,
            weights=weights,
            validate=validate,
        )

    def kernel(self, digest: str) -> KernelRecord:
        """Return the record of a kernel, by its digest or the first digits of it.

        Raises:
            KernelNotFoundError: No kernel has it.
            KernelError: Several have.
        """
        from esper_graph.store import kernels

        found = kernels.kernel(self.engine, digest)
        if found is None:
            raise KernelNotFoundError(digest)
        return found

    def load_kernel(self, digest: str) -> "Kernel":
        """Return a recorded kernel; `load()` on it compares its bytes with the record first."""
        from esper_graph.compile import Kernel

        return Kernel(self.kernel(digest).digest, self._kernel_files())

    def verify_kernel(self, digest: str) -> KernelRecord:
        """Compare a kernel's bytes with the record and its results with the interpreter's; record the result.

        Raises:
            KernelBytesMissingError: Its bytes are not here.
            UntrustedKernelError: They are not the recorded ones; nothing of them was run.
        """
        from esper_graph.registry.compilation import verify

        record = self.kernel(digest)
        return verify(
            self.engine,
            self[record.blueprint],
            self.load_kernel(record.digest),
            record,
            lambda action: self._operation(action, None, None),
        )

    def remove_kernel_bytes(self, digest: str) -> None:
        """Remove the bytes of a kernel that is no longer recorded, such as one of a purged blueprint.

        Raises:
            KernelError: It is still recorded, or its bytes cannot be removed.
        """
        from esper_graph.store import kernels

        if kernels.kernel(self.engine, digest) is not None:
            raise KernelError(
                f"kernel `{digest}` is recorded, so its bytes stay", hint="purge its blueprint first"
            )
        self._kernel_files().remove(digest)

    def kernels(self, blueprint_id: str) -> Answer[KernelRecord]:
        """List the kernels of a blueprint, newest first."""
        from esper_graph.store import kernels

        return Answer(kernels.kernels(self.engine, self._id(blueprint_id)))

    def attempts(self, blueprint_id: str) -> Answer[CompileAttempt]:
        """List every attempt to compile a blueprint, newest first.

        One whose process has ended on this machine without saying how, as after `kill -9`, is `interrupted`;
        one of another machine, or from before a restart of this one, stays `running`.
        """
        from esper_graph.registry.compilation import attempts

        return Answer(attempts(self.engine, self._id(blueprint_id)))
