"""Read networks written for torch as blueprints: export, raise each call to one of our ops, build.

`import_module` gives the blueprint, `import_with_weights` the weights as well.
`import_onnx` reads an ONNX file.
"""

from esper_graph.compile.importer.importing import Imported, import_module, import_with_weights
from esper_graph.compile.importer.onnx_file import import_onnx

__all__ = ["Imported", "import_module", "import_onnx", "import_with_weights"]
