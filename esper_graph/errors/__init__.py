"""Every error esper_graph raises on purpose.

    EsperGraphError
    ├── BlueprintError (ValueError)        the blueprint itself is wrong; `.problems` lists everything found
    │   ├── UnknownOpError                 not in `OPS`, or not allowed by the manifest
    │   ├── BadAttributeError              an attribute is missing, unknown, ill-typed or out of range
    │   ├── DanglingEdgeError              an edge names no node or port, or a port is fed wrongly
    │   ├── GraphCycleError                the edges form a cycle; `.path` walks it in order
    │   ├── ShapeMismatchError             shapes or dtypes do not fit
    │   ├── LimitExceededError             more nodes, edges, depth or work than allowed
    │   └── FormatError                    a document or value that cannot be read as a blueprint
    ├── LineageError
    │   ├── LineageCycleError              a derivation would close a cycle; `.path` shows how
    │   ├── UnknownParentError (ValueError)
    │   └── RecordsRefusedError (ValueError)  lineage records that cannot be imported; `.problems` lists all
    ├── StoreError
    │   ├── BlueprintNotFoundError (LookupError)
    │   ├── LineageOnlyError (LookupError) only the lineage of it is known, not its content
    │   ├── IdTakenError                   the id already names another structure
    │   ├── OperationTakenError            the operation's id already names another operation
    │   ├── QueryError                     a question that makes no sense, such as a query's parameters
    │   │   ├── QueryFailedError               the engine refused a query, or broke it off
    │   │   ├── UnknownQueryError (LookupError)
    │   │   └── FilterError (ValueError)   a filter or a page token that cannot be read; `.column` says where
    │   ├── NothingFitsError (LookupError) none meets all conditions; `.removed` says why
    │   ├── StoreUnavailableError          no engine answers
    │   ├── SchemaVersionError             the database was written by another version, or holds foreign data
    │   └── IntegrityError                 what is stored is no longer what was registered
    ├── CompileError
    │   ├── LoweringError                  an op, attribute or precision the compiler cannot express
    │   ├── ImporterError                  a network that cannot be imported; `.refused` lists its ops
    │   └── KernelError
    │       ├── KernelNotFoundError (LookupError)
    │       ├── KernelBytesMissingError    the record exists, its bytes are not here
    │       └── UntrustedKernelError       the bytes are not the recorded ones
    ├── EvolutionError                     an edit that cannot be applied
    │   └── MergeConflictError             both sides of a merge changed the same; `.conflicts` lists where
    └── ConfigError                        a setting, an argument, a manifest or the installation

`str(error)` is the whole message for a person: what is wrong, where, and after a blank line a hint.
The facts it was composed from are attributes. `exit_code` is what the command line returns: 1 refused,
2 wrong use, 3 not found, 4 no valid blueprint, 5 no store answers, 6 in conflict with what is there.
"""

from esper_graph.errors.base import (
    ConfigError,
    EsperGraphError,
    close_names,
    counted,
    suggestion,
)
from esper_graph.errors.blueprint import (
    BadAttributeError,
    BlueprintError,
    DanglingEdgeError,
    FormatError,
    GraphCycleError,
    LimitExceededError,
    Problem,
    ShapeMismatchError,
    UnknownOpError,
)
from esper_graph.errors.compile import (
    CompileError,
    ImporterError,
    KernelBytesMissingError,
    KernelError,
    KernelNotFoundError,
    LoweringError,
    UntrustedKernelError,
)
from esper_graph.errors.lineage import (
    EvolutionError,
    LineageCycleError,
    LineageError,
    MergeConflictError,
    RecordsRefusedError,
    UnknownParentError,
)
from esper_graph.errors.store import (
    BlueprintNotFoundError,
    FilterError,
    IdTakenError,
    IntegrityError,
    LineageOnlyError,
    NothingFitsError,
    OperationTakenError,
    QueryError,
    QueryFailedError,
    SchemaVersionError,
    StoreError,
    StoreUnavailableError,
    UnknownQueryError,
)

__all__ = [
    "BadAttributeError",
    "BlueprintError",
    "BlueprintNotFoundError",
    "CompileError",
    "ConfigError",
    "DanglingEdgeError",
    "EsperGraphError",
    "EvolutionError",
    "FilterError",
    "FormatError",
    "GraphCycleError",
    "IdTakenError",
    "ImporterError",
    "IntegrityError",
    "KernelBytesMissingError",
    "KernelError",
    "KernelNotFoundError",
    "LimitExceededError",
    "LineageCycleError",
    "LineageError",
    "LineageOnlyError",
    "LoweringError",
    "MergeConflictError",
    "NothingFitsError",
    "OperationTakenError",
    "Problem",
    "QueryError",
    "QueryFailedError",
    "RecordsRefusedError",
    "SchemaVersionError",
    "ShapeMismatchError",
    "StoreError",
    "StoreUnavailableError",
    "UnknownOpError",
    "UnknownParentError",
    "UnknownQueryError",
    "UntrustedKernelError",
    "close_names",
    "counted",
    "suggestion",
]

for _name in __all__:  # they go by this name, whichever file they are written in
    globals()[_name].__module__ = __name__
