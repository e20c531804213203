"""Many processes on one store: nothing is lost, doubled or half-written."""

import multiprocessing
from typing import Any

import pytest

from esper_graph.config import Settings
from esper_graph.errors import LineageCycleError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.build import Builder
from esper_graph.registry import BlueprintRegistry
from esper_graph.store.engines import Engine
from tests.integration.races import Meeting, before_links

PROCESSES = 8


def perceptron(hidden: int, name: str = "mlp", prefix: str = "") -> BlueprintIR:
    """A small network; `hidden` makes its structure, `name` and `prefix` only its names."""
    b = Builder(name, name=name)
    x = b.input([-1, 8], id=f"{prefix}input")
    y = b.linear(x, in_features=8, out_features=hidden, id=f"{prefix}fc1")
    y = b.activation(y, type="relu", id=f"{prefix}act")
    b.output(b.linear(y, in_features=hidden, out_features=2, id=f"{prefix}fc2"), id=f"{prefix}output")
    return b.finish()


def _distinct(arguments: tuple[Settings, int]) -> list[str]:
    settings, worker = arguments
    with BlueprintRegistry(settings=settings) as registry:
        return [
            registry.register(perceptron(1 + worker * 25 + number, f"mlp_{worker}_{number}"))
            for number in range(25)
        ]


def _same(arguments: tuple[Settings, int]) -> list[tuple[str, str]]:
    settings, worker = arguments
    with BlueprintRegistry(settings=settings) as registry:
        found = []
        for number in range(20):
            asked = f"same_{worker}_{number}"
            blueprint = perceptron(number + 1, asked, prefix=f"w{worker}_")
            found.append((asked, registry.register(blueprint)))
        return found


def in_processes(work: Any, settings: Settings, count: int = PROCESSES) -> list[Any]:
    context = multiprocessing.get_context("spawn")
    with context.Pool(count) as pool:
        return pool.map(work, [(settings, worker) for worker in range(count)], chunksize=1)


def test_eight_processes_register_two_hundred_distinct_blueprints(
    engine: Engine, engine_settings: Settings
) -> None:
    answers = in_processes(_distinct, engine_settings)
    ids = [one for answer in answers for one in answer]
    assert len(set(ids)) == PROCESSES * 25
    with BlueprintRegistry(settings=engine_settings) as registry:
        assert len(registry) == PROCESSES * 25
        assert set(registry) == set(ids)
        for worker, number in ((0, 0), (3, 12), (7, 24)):
            expected = perceptron(1 + worker * 25 + number)
            assert registry[f"mlp_{worker}_{number}"].fingerprint == expected.fingerprint
        assert registry.doctor() == ()


def test_eight_processes_registering_the_same_structures_make_each_once(
    engine: Engine, engine_settings: Settings
) -> None:
    answers = in_processes(_same, engine_settings)
    with BlueprintRegistry(settings=engine_settings) as registry:
        assert len(registry) == 20
        for number in range(20):
            given = {answer[number][1] for answer in answers}
            assert len(given) == 1, "every caller gets the id of the one record"
            fingerprint = perceptron(number + 1).fingerprint
            for answer in answers:
                asked, _ = answer[number]
                assert registry[asked].fingerprint == fingerprint, "every id that was asked for resolves"
        assert registry.doctor() == ()


def _race(settings: Settings, side: int, rounds: int, flags: Any, start: Any, outcomes: Any) -> None:
    """Close cycles from one side: at the same moment, or one between the look and the write of the other."""
    meeting = Meeting(flags)
    with pytest.MonkeyPatch.context() as patch, BlueprintRegistry(settings=settings) as registry:
        registry.engine  # noqa: B018 -- opens it
        before_links(meeting.look_up, patch)
        for number in range(rounds):
            pair = (f"a_{number}", f"b_{number}")
            child, parent = pair if side else pair[::-1]
            start.wait()
            meeting.enter(number, side, free=number % 4 > 1)
            try:
                registry.link(child, parent)
            except LineageCycleError as error:
                outcomes.put((number, error.path))
            else:
                outcomes.put((number, ()))
            meeting.leave()


@pytest.mark.parametrize("rounds", [200])
def test_two_writers_who_race_to_close_a_cycle_never_do(
    engine: Engine, engine_settings: Settings, rounds: int
) -> None:
    context = multiprocessing.get_context("spawn")
    shared = (context.RawArray("b", 2 * rounds), context.Barrier(2, timeout=300), context.Queue())
    found: dict[int, list[tuple[str, ...]]] = {number: [] for number in range(rounds)}
    with BlueprintRegistry(settings=engine_settings) as registry:
        registry.register_all(
            [
                perceptron(1 + 2 * number + which, f"{'ab'[which]}_{number}")
                for number in range(rounds)
                for which in (0, 1)
            ]
        )
        writers = [
            context.Process(target=_race, args=(engine_settings, side, rounds, *shared)) for side in (0, 1)
        ]
        for writer in writers:
            writer.start()
        for _ in range(2 * rounds):
            number, path = shared[2].get(timeout=300)
            found[number].append(path)
        for writer in writers:
            writer.join()
        for number, paths in found.items():
            linked, refused = sorted(paths)
            assert not linked
            assert set(refused) == {f"a_{number}", f"b_{number}"}
            assert refused[0] == refused[-1]
        assert registry.doctor() == ()
