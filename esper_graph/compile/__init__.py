"""The only room that knows torch: takes a job value, returns a result value.

Names load what they need when they are first used, so that importing this room does not import torch.
"""

from typing import TYPE_CHECKING

from esper_graph.lazy import lazy_names

if TYPE_CHECKING:
    from esper_graph.compile.archive import read_facts
    from esper_graph.compile.build import compile_blueprint
    from esper_graph.compile.importer import Imported, import_module, import_onnx, import_with_weights
    from esper_graph.compile.job import CompileJob, CompileResult, Hint, WeightsFile
    from esper_graph.compile.kernel import Kernel, load_kernel
    from esper_graph.compile.kernel_files import KernelFiles
    from esper_graph.compile.lowering import LOWERINGS, register_lowering
    from esper_graph.compile.module import blueprint_to_module
    from esper_graph.compile.validate import Check, ValidationReport, validate_kernel
    from esper_graph.compile.weights import Weights, give_weights, take_weights
    from esper_graph.compile.weights_file import given_weights, load_weights, save_weights, weights_digest

__all__ = [
    "LOWERINGS",
    "Check",
    "CompileJob",
    "CompileResult",
    "Hint",
    "Imported",
    "Kernel",
    "KernelFiles",
    "ValidationReport",
    "Weights",
    "WeightsFile",
    "blueprint_to_module",
    "compile_blueprint",
    "give_weights",
    "given_weights",
    "import_module",
    "import_onnx",
    "import_with_weights",
    "load_kernel",
    "load_weights",
    "read_facts",
    "register_lowering",
    "save_weights",
    "take_weights",
    "validate_kernel",
    "weights_digest",
]

__getattr__ = lazy_names(
    __name__,
    {
        "archive": ("read_facts",),
        "build": ("compile_blueprint",),
        "importer": ("Imported", "import_module", "import_onnx", "import_with_weights"),
        "job": ("CompileJob", "CompileResult", "Hint", "WeightsFile"),
        "kernel": ("Kernel", "load_kernel"),
        "kernel_files": ("KernelFiles",),
        "lowering": ("LOWERINGS", "register_lowering"),
        "module": ("blueprint_to_module",),
        "validate": ("Check", "ValidationReport", "validate_kernel"),
        "weights": ("Weights", "give_weights", "take_weights"),
        "weights_file": ("given_weights", "load_weights", "save_weights", "weights_digest"),
    },
)
