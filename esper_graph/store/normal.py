"""Normal fingerprints in the store: which blueprints are the same once simplified.

They follow from the content and from the set of passes. When the passes change, those in the store are of
another set, and are computed again by `store migrate`.
"""

from collections.abc import Mapping

from esper_graph.ir.passes import NORMAL_PREFIX, normal_fingerprint_or_none
from esper_graph.property_graph.catalogue import get
from esper_graph.store.engines import Transaction
from esper_graph.store.renewal import Derived, behind


def _replace(transaction: Transaction, found: Mapping[str, str]) -> None:
    rows = [{"id": name, "value": value} for name, value in found.items()]
    transaction.run(get("blueprint/set_normal"), {"rows": rows})


NORMAL = Derived(
    name="normal fingerprint",
    version=NORMAL_PREFIX,
    stale="blueprint/stale_normal",
    present={"prefix": NORMAL_PREFIX, "behind": behind(NORMAL_PREFIX)},
    compute=normal_fingerprint_or_none,
    replace=_replace,
)
"""Normal fingerprints, as `renewal` renews them."""
