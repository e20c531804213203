"""What is refused leaves nothing behind, and what looks like Cypher is only text."""

from pathlib import Path

import pytest

from esper_graph.config import Settings
from esper_graph.errors import (
    BlueprintError,
    EsperGraphError,
    IdTakenError,
    KernelError,
    UntrustedKernelError,
)
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.registry import BlueprintRegistry
from esper_graph.store.engines import Engine
from tests.hostile.cases import CASES, CYPHER
from tests.integration.statements import statement
from tests.integration.test_concurrency import perceptron

_NODES = statement(
    "MATCH (n) WHERE NOT n:SchemaVersion AND NOT n:LineageLock RETURN count(n) AS nodes", returns="nodes"
)


def test_hostile_documents_store_nothing(engine: Engine, engine_settings: Settings) -> None:
    with BlueprintRegistry(settings=engine_settings) as registry:
        assert len(registry) == 0
        before = engine.read(_NODES)
        for case in CASES:
            with pytest.raises(BlueprintError):
                registry.register(BlueprintIR.from_json(case.document()))
        assert engine.read(_NODES) == before


def test_cypher_in_names_tags_and_descriptions_is_stored_as_text(
    engine: Engine, engine_settings: Settings
) -> None:
    with BlueprintRegistry(settings=engine_settings) as registry:
        odd = perceptron(3).changed(
            name=CYPHER, tags=[CYPHER, "`b`"], description="$id \\u0060 ` }", author=CYPHER
        )
        registry.register(odd)
        again = registry["mlp"]
        assert (again.name, again.tags, again.description) == (odd.name, odd.tags, odd.description)
        assert [one.id for one in registry.search_by_tags([CYPHER])] == ["mlp"]
        assert len(registry) == 1


@pytest.mark.parametrize("reference", [CYPHER, "../../etc/passwd", "", "a" * 10_000, "mlp\x00"])
def test_an_odd_reference_finds_nothing_and_harms_nothing(
    engine: Engine, engine_settings: Settings, reference: str
) -> None:
    with BlueprintRegistry(settings=engine_settings) as registry:
        registry.register(perceptron(3))
        assert registry.get(reference) is None
        with pytest.raises(EsperGraphError):
            registry[reference]
        assert len(registry) == 1


def test_the_id_of_another_structure_is_refused_with_both_fingerprints(
    engine: Engine, engine_settings: Settings
) -> None:
    with BlueprintRegistry(settings=engine_settings) as registry:
        registry.register(perceptron(3))
        with pytest.raises(IdTakenError) as caught:
            registry.register(perceptron(4))
        assert (caught.value.held, caught.value.offered) == (
            perceptron(3).fingerprint,
            perceptron(4).fingerprint,
        )
        assert len(registry) == 1


def test_a_tampered_kernel_is_not_loaded(engine: Engine, engine_settings: Settings) -> None:
    with BlueprintRegistry(settings=engine_settings) as registry:
        registry.register(perceptron(3))
        kernel = registry.compile("mlp")
        path = Path(kernel.place)
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        with pytest.raises(UntrustedKernelError):
            registry.load_kernel(kernel.digest).load()
        with pytest.raises(UntrustedKernelError):
            registry.verify_kernel(kernel.digest)
        for odd in ("../../etc/passwd", "0" * 63 + "/", CYPHER):
            with pytest.raises(EsperGraphError):
                registry.load_kernel(odd)
        path.unlink()
        with pytest.raises(KernelError, match="are not here"):
            kernel.load()
