"""Find the files that are shipped beside the code: `cypher/` and `manifest.yaml`."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from esper_graph.errors import ConfigError


def shipped(name: str) -> Traversable:
    """Find a shipped file or folder: inside the installed package, else beside it in a checkout.

    An editable install does not see what the wheel puts inside the package, hence the second step.

    Raises:
        ConfigError: It is in neither place.

    Example:
        >>> shipped("manifest.yaml").name
        'manifest.yaml'
    """
    inside = files("esper_graph") / name
    if inside.is_file() or inside.is_dir():
        return inside
    beside = Path(__file__).parents[2] / name
    if beside.exists():
        return beside
    raise ConfigError(
        f"`{name}` is missing from this installation",
        where=[f"looked in  {inside}", f"and in     {beside}"],
        hint="install again: `pip install --force-reinstall esper-graph`",
    )
