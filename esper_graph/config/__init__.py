"""Settings of one run, the manifest of one registry, and where the shipped files are.

`--help` passes through here, so nothing heavy is imported before it is needed.
"""

from esper_graph.config.manifest import (
    Benchmarks,
    Category,
    Device,
    Manifest,
    Metric,
    Registry,
    Validation,
    load_manifest,
)
from esper_graph.config.settings import SETTINGS, Secret, Setting, Settings, load_settings
from esper_graph.config.shipped import shipped

__all__ = [
    "SETTINGS",
    "Benchmarks",
    "Category",
    "Device",
    "Manifest",
    "Metric",
    "Registry",
    "Secret",
    "Setting",
    "Settings",
    "Validation",
    "load_manifest",
    "load_settings",
    "shipped",
]
