"""What the exceptions of the driver mean."""

import pytest
from neo4j.exceptions import (
    ClientError,
    ConstraintError,
    DatabaseError,
    Neo4jError,
    ServiceUnavailable,
    TransientError,
)

from esper_graph.store.engines.failures import Kind, kind


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (TransientError("Deadlock"), Kind.CONTENTION),
        (
            DatabaseError("Slot rebase not possible on page 7. Please retry the operation"),
            Kind.CONTENTION,
        ),
        (DatabaseError("some files have been migrated, please retry the operation"), Kind.CONTENTION),
        (ClientError("Record #89:2272 not found"), Kind.CONTENTION),
        (ClientError("Record type not found"), Kind.FINAL),
        (DatabaseError("Slot 7 is gone"), Kind.FINAL),
        (ConstraintError("There is one already"), Kind.CONFLICT),
        (ServiceUnavailable("It is gone"), Kind.LOST),
    ],
)
def test_failures_are_told_apart(error: Neo4jError | ServiceUnavailable, found: Kind) -> None:
    assert kind(error) is found
