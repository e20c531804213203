"""The verbs people say: one registry over one store, composed from the rooms.

with BlueprintRegistry() as registry:
    registry.register(blueprint)
"""

from esper_graph.registry.changing import Changing
from esper_graph.registry.comparing import Comparing
from esper_graph.registry.families import Families
from esper_graph.registry.importing import Importing
from esper_graph.registry.kernels import Kernels
from esper_graph.registry.kinship import Kinship
from esper_graph.registry.reading import Reading
from esper_graph.registry.registering import Registering
from esper_graph.registry.searching import Searching
from esper_graph.registry.similar import Similarity


class BlueprintRegistry(
    Comparing, Registering, Importing, Reading, Searching, Families, Kinship, Similarity, Changing, Kernels
):
    """All blueprints of one store, their families, their measurements and their kernels.

    Args:
        storage_path: Data directory of the embedded engine; the same as `uri="embedded:PATH"`.
        uri: `embedded`, `embedded:PATH`, or the URI of a Neo4j server; None takes it from the environment.
        settings: Everything at once; the other arguments are then left out.
        flags: Further settings by name, such as `username`, `password`, `database`, `kernels`, `actor`.

    Raises:
        ConfigError: A setting or the manifest is wrong.

    The store is opened when it is first needed; `close` lets go of it. Threads may share a registry.

    Example:
        >>> from esper_graph.templates import create_expert_network
        >>> with BlueprintRegistry(storage) as registry:                           # doctest: +SKIP
        ...     registry.register(create_expert_network(input_dim=8, output_dim=8))
    """
