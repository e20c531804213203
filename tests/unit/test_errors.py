"""The exception tree: what a person reads, what a program reads, what the shell gets."""

import inspect
import pickle

import pytest

from esper_graph import errors
from esper_graph.errors import (
    BlueprintError,
    BlueprintNotFoundError,
    EsperGraphError,
    GraphCycleError,
    IdTakenError,
    IntegrityError,
    KernelBytesMissingError,
    LineageCycleError,
    Problem,
    ShapeMismatchError,
    UnknownParentError,
    close_names,
)
from esper_graph.errors.blueprint import _BLUEPRINT_ERRORS

ALL = [
    error
    for _, error in inspect.getmembers(errors, inspect.isclass)
    if issubclass(error, EsperGraphError) and error is not EsperGraphError
]


def test_the_picture_in_the_docstring_shows_every_error_once_under_its_base() -> None:
    assert errors.__doc__ is not None
    bases: list[str] = []
    drawn: dict[str, str] = {}
    for line in errors.__doc__.splitlines():
        words = [word for word in line.replace("│", " ").split() if word.endswith("Error")]
        if not words or ("──" not in line and words[0] != "EsperGraphError"):
            continue
        depth = line.index(words[0]) // 4 - 1
        bases[depth:] = [words[0]]
        if depth:
            assert words[0] not in drawn
            drawn[words[0]] = bases[depth - 1]
    assert drawn == {error.__name__: error.__bases__[0].__name__ for error in ALL}


def test_every_error_goes_by_the_name_of_the_door() -> None:
    assert {error.__module__ for error in ALL} == {"esper_graph.errors"}
    error = pickle.loads(pickle.dumps(EsperGraphError("it is wrong", hint="do this")))
    assert (type(error), error.hint) == (EsperGraphError, "do this")


def test_a_message_is_sentence_then_place_then_hint() -> None:
    error = EsperGraphError("it is wrong", where=["in here", "and there"], hint="do this")
    assert str(error) == "it is wrong\n  in here\n  and there\n\nhint: do this"
    assert str(EsperGraphError("it is wrong")) == "it is wrong"


def test_problems_become_the_error_of_the_first_and_keep_all() -> None:
    problems = [
        Problem("shape_mismatch", "32 is not 16", "node `fc2`", "use 16", {"expected": 16}),
        Problem("dangling_edge", "`e9` ends nowhere", "edge `e9`"),
    ]
    error = BlueprintError.of(problems, "mlp")
    assert type(error) is ShapeMismatchError
    assert error.problems == tuple(problems)
    assert error.facts["expected"] == 16
    assert str(error) == (
        "32 is not 16\n  blueprint `mlp`\n  node `fc2`\n  also: `e9` ends nowhere (edge `e9`)\n\nhint: use 16"
    )


def test_a_long_list_of_problems_is_cut_with_a_count() -> None:
    error = BlueprintError.of([Problem("format", f"p{number}") for number in range(30)])
    assert str(error).splitlines()[-1].strip() == "and 9 more"
    assert len(error.problems) == 30


@pytest.mark.parametrize("kind", sorted(_BLUEPRINT_ERRORS))
def test_every_kind_of_problem_has_its_class(kind: str) -> None:
    error = BlueprintError.of([Problem(kind, "wrong")])
    assert error.kind == kind
    assert error.exit_code == 4
    assert isinstance(error, ValueError)


def test_a_cycle_names_its_path_in_order() -> None:
    error = BlueprintError.of([Problem("graph_cycle", "a cycle", facts={"path": ("a", "b", "a")})])
    assert isinstance(error, GraphCycleError)
    assert error.path == ("a", "b", "a")


@pytest.mark.parametrize(
    ("error", "base", "exit_code", "text"),
    [
        (LineageCycleError("c", "p", ["c", "p", "c"]), EsperGraphError, 6, "c -> p -> c"),
        (UnknownParentError("mpl", close=["mlp"]), ValueError, 3, "did you mean `mlp`?"),
        (BlueprintNotFoundError("mpl", close=["mlp", "mlp2"]), LookupError, 3, "`mlp` or `mlp2`"),
        (IdTakenError("mlp", held="f1:a", offered="f1:b"), EsperGraphError, 6, "f1:b"),
        (IntegrityError("mlp", "a node is gone", recorded="1", found="2"), EsperGraphError, 1, "found     2"),
        (KernelBytesMissingError("abc", "/kernels"), EsperGraphError, 3, "/kernels"),
    ],
)
def test_an_error_says_its_facts_and_has_its_exit_code(
    error: EsperGraphError, base: type[Exception], exit_code: int, text: str
) -> None:
    assert isinstance(error, base)
    assert error.exit_code == exit_code
    assert text in str(error)


def test_close_names_come_best_first() -> None:
    assert close_names("linaer", ["conv2d", "linear", "bilinear"])[0] == "linear"
    assert close_names("xyzzy", ["conv2d", "linear"]) == ()


def test_a_problem_can_be_sent_to_another_process() -> None:
    problem = Problem("format", "wrong", "$.nodes[3]", facts={"value": 3})
    assert pickle.loads(pickle.dumps(problem)) == problem
