"""Read networks written for torch as blueprints: export, raise each call to one of our ops, build.

`import_module` gives the blueprint, `import_with_weights` the weights as well.
"""

from esper_graph.compile.importer.importing import Imported, import_module, import_with_weights

__all__ = ["Imported", "import_module", "import_with_weights"]
