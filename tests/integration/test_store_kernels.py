"""Attempts to compile and kernels: what is recorded comes back, once, and never for another blueprint."""

from datetime import UTC, datetime
from typing import Any

import pytest

from esper_graph.errors import BlueprintNotFoundError, KernelError, KernelNotFoundError
from esper_graph.property_graph.records import CompileAttempt, KernelRecord
from esper_graph.store import changes, kernels
from esper_graph.store.engines import Engine
from tests.integration.statements import statement
from tests.integration.stock import operation, stock

COUNT = statement(
    "OPTIONAL MATCH (k:Kernel)-[r]->() "
    "RETURN count(DISTINCT k) AS kernels, sum(CASE WHEN type(r) = 'BUILT_BY' THEN 1 ELSE 0 END) AS built",
    returns="kernels, built",
)
WEIGHTS = statement("MATCH (w:Weights) RETURN w.digest AS digest ORDER BY digest", returns="digest")
EVENTS = statement(
    "MATCH (e:Event)-[:CONCERNS]->(b:Blueprint {id: 'root'}) WHERE e.action STARTS WITH 'kernel.' "
    "RETURN e.action AS action ORDER BY e.at, e.id",
    returns="action",
)


def made(blueprint: str, digest: str, **changes: Any) -> KernelRecord:
    facts: dict[str, Any] = {
        "digest": digest,
        "blueprint": blueprint,
        "fingerprint": f"f1:{blueprint}",
        "mode": "infer",
        "backend": "script",
        "profile": "default",
        "precision": "float32",
        "passes": ("fold@1", "fuse@2"),
        "torch_version": "2.13.0",
        "seed": 7,
        "size_bytes": 1234,
        "compiled_at": datetime(2026, 11, 24, 12, 30, 15, 123456, UTC),
        "validation": {"passed": True, "error": 1e-7, "checks": [{"name": "finite", "passed": True}]},
    }
    return KernelRecord(**{**facts, **changes})


@pytest.fixture
def store(engine: Engine) -> Engine:
    stock(engine)
    return engine


def begin(store: Engine, blueprint: str = "root") -> CompileAttempt:
    return kernels.begin_attempt(
        store,
        blueprint,
        mode="infer",
        backend="script",
        profile="default",
        operation=operation("kernel.begin"),
    )


def record(store: Engine, kernel: KernelRecord) -> KernelRecord:
    attempt = begin(store, kernel.blueprint)
    return kernels.record_kernel(store, kernel, attempt_id=attempt.id, operation=operation("kernel.record"))


@pytest.mark.parametrize("passes", [(), ("fold@1",)])
@pytest.mark.parametrize("validation", [{}, {"passed": False, "nested": {"a": [1, None]}}])
def test_a_kernel_comes_back_as_it_was_recorded(
    store: Engine, passes: tuple[str, ...], validation: dict[str, Any]
) -> None:
    kernel = made("root", "0" * 64, passes=passes, validation=validation)
    assert record(store, kernel) == kernel
    assert kernels.kernels(store, "root") == (kernel,)
    assert kernels.kernel(store, kernel.digest) == kernel
    assert kernels.kernels(store, "left") == ()


def test_the_newest_kernel_comes_first(store: Engine) -> None:
    old = made("root", "a" * 64, compiled_at=datetime(2026, 1, 1, tzinfo=UTC))
    new = made("root", "0" * 64, compiled_at=datetime(2026, 1, 2, tzinfo=UTC))
    for one in (old, new):
        record(store, one)
    assert kernels.kernels(store, "root") == (new, old)
    assert kernels.digests(store) == ("0" * 64, "a" * 64)


def test_an_attempt_runs_until_it_is_done_by_its_kernel(store: Engine) -> None:
    attempt = begin(store)
    assert (attempt.outcome, attempt.finished_at, attempt.blueprint) == ("running", None, "root")
    assert kernels.attempts(store, "root") == (attempt,)
    ended = operation("kernel.record")
    kernels.record_kernel(store, made("root", "0" * 64), attempt_id=attempt.id, operation=ended)
    (found,) = kernels.attempts(store, "root")
    assert (found.id, found.outcome, found.reason) == (attempt.id, "done", None)
    assert (found.started_at, found.finished_at) == (attempt.started_at, ended.at)
    assert [row["action"] for row in store.read(EVENTS)] == ["kernel.begin", "kernel.record"]


def test_a_failed_attempt_keeps_its_reason_and_cannot_yield_a_kernel(store: Engine) -> None:
    attempt = begin(store)
    failed = kernels.finish_attempt(
        store, attempt.id, outcome="failed", reason="no way", operation=operation("kernel.fail")
    )
    assert (failed.outcome, failed.reason) == ("failed", "no way")
    with pytest.raises(KernelError, match="failed") as caught:
        kernels.record_kernel(store, made("root", "0" * 64), attempt_id=attempt.id, operation=operation())
    assert caught.value.where == ("reason  no way",)
    assert kernels.kernels(store, "root") == ()
    assert kernels.attempts(store, "root") == (failed,)


def test_repeating_any_step_changes_nothing(store: Engine) -> None:
    first, second = operation("kernel.begin"), operation("kernel.record")
    results = []
    for _ in range(2):
        attempt = kernels.begin_attempt(
            store, "root", mode="infer", backend="script", profile="default", operation=first
        )
        kernel = kernels.record_kernel(
            store, made("root", "0" * 64, weights="e" * 64), attempt_id=attempt.id, operation=second
        )
        results.append((kernel, kernels.attempts(store, "root")))
    assert results[0] == results[1]
    assert store.read(COUNT) == [{"kernels": 1, "built": 1}]
    assert len(store.read(EVENTS)) == 2


def test_the_same_bytes_compiled_again_are_one_kernel_of_two_attempts(store: Engine) -> None:
    kernel = made("root", "0" * 64)
    record(store, kernel)
    later = made("root", "0" * 64, compiled_at=datetime(2026, 12, 1, tzinfo=UTC))
    assert record(store, later) == kernel
    assert store.read(COUNT) == [{"kernels": 1, "built": 2}]
    assert [one.outcome for one in kernels.attempts(store, "root")] == ["done", "done"]


def test_a_kernel_is_never_recorded_for_another_blueprint(store: Engine) -> None:
    record(store, made("root", "0" * 64))
    with pytest.raises(KernelError, match="another blueprint") as caught:
        record(store, made("left", "0" * 64))
    assert caught.value.where == ("blueprints  left, root",)
    assert kernels.kernels(store, "left") == ()
    attempt = begin(store, "left")
    with pytest.raises(KernelError, match="compiles `left`, but the kernel is of `right`"):
        kernels.record_kernel(store, made("right", "1" * 64), attempt_id=attempt.id, operation=operation())
    assert kernels.kernels(store, "right") == ()


def test_a_kernel_names_the_weights_that_it_holds(store: Engine) -> None:
    with_weights = made("root", "0" * 64, weights="e" * 64)
    initial = made("root", "1" * 64, seed=8, compiled_at=datetime(2026, 1, 1, tzinfo=UTC))
    for kernel in (with_weights, initial):
        assert record(store, kernel) == kernel
    assert kernels.kernels(store, "root") == (with_weights, initial)


def test_weights_go_with_the_last_blueprint_whose_kernels_hold_them(store: Engine) -> None:
    record(store, made("last", "0" * 64, weights="e" * 64))
    record(store, made("last", "1" * 64, weights="f" * 64))
    record(store, made("last", "2" * 64, weights="f" * 64))
    record(store, made("root", "3" * 64, weights="e" * 64))
    changes.purge(store, "last", operation=operation("blueprint.purge"))
    assert [row["digest"] for row in store.read(WEIGHTS)] == ["e" * 64]
    assert kernels.kernel(store, "3333") == made("root", "3" * 64, weights="e" * 64)


@pytest.mark.parametrize("value", [None, 2, ["bn1", "bn2"], {"kind": "conv2d+norm", "bytes": 7}])
def test_what_became_of_hints_comes_back(store: Engine, value: Any) -> None:
    hint = {"node": None, "name": "fold_norm", "value": value, "outcome": "honoured", "reason": "it could"}
    kernel = made("root", "0" * 64, hints=(hint,))
    assert record(store, kernel) == kernel


def test_a_kernel_is_found_by_the_first_digits_when_they_fit_only_one(store: Engine) -> None:
    for digest in ("abcd" + "0" * 60, "abcd" + "1" * 60, "ffff" + "2" * 60):
        record(store, made("root", digest))
    found = kernels.kernel(store, "ffff")
    assert found is not None
    assert found.digest == "ffff" + "2" * 60
    assert kernels.kernel(store, "dddd") is None
    with pytest.raises(KernelNotFoundError, match="several kernels begin with `abcd`") as caught:
        kernels.kernel(store, "abcd")
    assert caught.value.where == ("abcd" + "0" * 60, "abcd" + "1" * 60)


@pytest.mark.parametrize("text", ["", "abc", "ABCD", "wxyz", "a" * 65])
def test_what_is_no_beginning_of_a_digest_is_refused(store: Engine, text: str) -> None:
    with pytest.raises(KernelNotFoundError, match="no kernel has the digest"):
        kernels.kernel(store, text)


def test_a_validation_replaces_the_one_before(store: Engine) -> None:
    record(store, made("root", "0" * 64, validation={"passed": True}))
    checked = {"passed": False, "reason": "differs"}
    found = kernels.record_validation(store, "0" * 64, checked, operation=operation("kernel.validate"))
    assert found.validation == checked
    assert kernels.kernels(store, "root") == (found,)
    assert [row["action"] for row in store.read(EVENTS)][-1] == "kernel.validate"


def test_what_is_unknown_is_named(store: Engine) -> None:
    for ask in (
        lambda: begin(store, "nobody"),
        lambda: kernels.kernels(store, "nobody"),
        lambda: kernels.attempts(store, "nobody"),
    ):
        with pytest.raises(BlueprintNotFoundError, match="nobody"):
            ask()
    for ask in (
        lambda: kernels.finish_attempt(store, "nothing", outcome="failed", operation=operation()),
        lambda: kernels.record_kernel(
            store, made("root", "0" * 64), attempt_id="nothing", operation=operation()
        ),
        lambda: kernels.record_validation(store, "nothing", {}, operation=operation()),
    ):
        with pytest.raises(KernelError, match="nothing"):
            ask()
