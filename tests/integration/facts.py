"""Blueprints of all kinds, and what is so of each, known without asking the store."""

from dataclasses import dataclass
from random import Random

from esper_graph.ir.specs import Derivation, DerivationKind
from esper_graph.store import changes, kernels, metrics, schema
from esper_graph.store.engines import Engine
from tests.integration.stored import operation, perceptron, save
from tests.integration.test_store_kernels import made

TAGS, AUTHORS, DEVICES = ("small", "wide", "odd", "mobile"), ("Ada", "Grace Hopper"), ("cpu", "gpu_v100")
CAME: tuple[DerivationKind, ...] = ("mutation", "merge", "crossover")
SIGN = {"latency_ms": 1, "accuracy": -1}


@dataclass(frozen=True)
class Fact:
    """What the tests know of one blueprint, without asking the store."""

    id: str
    tags: frozenset[str]
    author: str
    hidden: int
    status: str
    kinds: frozenset[str]
    ancestors: frozenset[str]
    values: dict[tuple[str, str], float]
    ready: bool
    capability: float
    features: frozenset[str]

    @property
    def parameters(self) -> int:
        return 8 * self.hidden + self.hidden + 2 * self.hidden + 2

    def best(self, metric: str, device: str | None) -> float | None:
        found = [v for (name, on), v in self.values.items() if name == metric and device in {None, on}]
        return min(found, key=lambda value: value * SIGN[metric]) if found else None


def populate(engine: Engine, count: int = 24) -> list[Fact]:
    """Register blueprints of all kinds, and return what is so of each."""
    schema.ensure(engine)
    random = Random(5)
    facts: list[Fact] = []
    for number in range(count):
        tags = frozenset(random.sample(TAGS, random.randrange(3)))
        author, capability = random.choice(AUTHORS), random.choice([0.0, 0.0, 7.0, 7.5])
        features = frozenset(random.choice([[], [], ["tensor_cores"], ["bf16", "tensor_cores"]]))
        parents = random.sample(facts, min(len(facts), random.choice([0, 1, 1, 2])))
        kind = random.choice(CAME)
        hidden = 3 + number
        name = f"mlp_{hidden}"
        save(
            engine,
            perceptron(
                hidden,
                name,
                name=f'Net "{hidden}" \\ wide' if number % 7 == 0 else f"MLP {hidden}",
                tags=sorted(tags),
                author=author,
                derivations=[Derivation(parent_id=parent.id, kind=kind) for parent in parents],
                min_compute_capability=capability or None,
                requires_features=sorted(features),
            ),
        )
        values: dict[tuple[str, str], float] = {}
        for metric in SIGN:
            for device in DEVICES:
                if random.random() < 0.5:
                    values[metric, device] = float(random.randrange(6)) / (1 if metric == "latency_ms" else 5)
        for (metric, device), value in values.items():
            metrics.record(engine, name, {metric: value}, device, operation("metric.record"))
        passed = random.choice([True, False, None])
        if passed is not None:
            _kernel(engine, name, number, passed=passed)
        status = random.choice(["registered", "registered", "production", "archived"])
        if status == "archived":
            changes.archive(engine, name, operation("blueprint.archive"))
        elif status != "registered":
            changes.set_status(engine, name, operation("blueprint.status"), status=status)
        facts.append(
            Fact(
                id=name,
                tags=tags,
                author=author,
                hidden=hidden,
                status=status,
                kinds=frozenset({kind} if parents else ()),
                ancestors=frozenset().union(*({one.id} | one.ancestors for one in parents)),
                values=values,
                ready=passed is True,
                capability=capability,
                features=features,
            )
        )
    return facts


def _kernel(engine: Engine, blueprint: str, number: int, *, passed: bool) -> None:
    attempt = kernels.begin_attempt(
        engine, blueprint, mode="infer", backend="script", profile="default", operation=operation()
    )
    validation = {"passed": passed, "checks": [{"name": "finite", "passed": passed}]}
    record = made(blueprint, f"{number:064x}", validation=validation)
    kernels.record_kernel(engine, record, attempt_id=attempt.id, operation=operation())
