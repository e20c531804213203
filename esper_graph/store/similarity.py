"""What is like a blueprint: Cypher finds candidates by what they share, Python ranks them by edit distance.

How much a query reads is how many blueprints have its features. Those that most have say little and cost
most, so features are taken from the rarest on, as long as the reading stays within bounds. What that leaves
out is told: `truncated_by` is `df_cut`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import fsum
from typing import Any, NamedTuple

from esper_graph.errors import BlueprintNotFoundError, QueryError
from esper_graph.ir.blueprint import BlueprintIR
from esper_graph.ir.edit_distance import edit_distance, outline
from esper_graph.ir.features import features, near_duplicate, same_family
from esper_graph.ir.passes import NO_NORMAL, normal_fingerprint_or_none
from esper_graph.property_graph.answer import Answer
from esper_graph.property_graph.catalogue import get
from esper_graph.property_graph.likeness import Likeness, likeness
from esper_graph.property_graph.similar import SCORES, Identity, Novelty, Score, Similar
from esper_graph.store.collecting import seldom_collected
from esper_graph.store.engines import Engine, Row
from esper_graph.store.likeness import LIKENESS
from esper_graph.store.materialise import Recorded, recorded
from esper_graph.store.naming import close_ids
from esper_graph.store.normal import NORMAL
from esper_graph.store.reach import require_count
from esper_graph.store.renewal import refuse_stale

MOST_READ = 5_000
"""Features of blueprints that are read for one query: more find hardly anything nearer."""
MOST_CANDIDATES = 1_000
"""Blueprints that are read for one query of near duplicates."""
COMPARING = 1 << 20
"""Squares of nodes, added up, that are compared for one query: some 250 candidates of 64 nodes."""
_READ_AT_ONCE = 100
_DIGITS = 9  # of scores that are compared


@dataclass(frozen=True, eq=False)
class Asked:
    """The blueprint that a question is about.

    Attributes:
        id: Its id in the store, which is left out of the answers; empty where it is asked about as a new one.
    """

    blueprint: BlueprintIR
    id: str = ""

    @cached_property
    def likeness(self) -> Likeness:
        """Its features and edit keys."""
        return likeness(self.blueprint)

    @cached_property
    def normal_fingerprint(self) -> str:
        """Its normal fingerprint, or that there is none."""
        return normal_fingerprint_or_none(self.blueprint)


def asked_by_id(engine: Engine, name: str) -> Asked:
    """Read the blueprint of an id or alias.

    Raises:
        BlueprintNotFoundError: There is none.
        IntegrityError: What is stored is no longer what was registered.
    """
    found = recorded(engine, [name])
    if name not in found:
        raise BlueprintNotFoundError(name, close=close_ids(engine, name))
    blueprint = found[name].blueprint
    return Asked(blueprint, blueprint.id)


@seldom_collected()
def similar(
    engine: Engine,
    asked: Asked,
    *,
    limit: int = 10,
    rerank: int = 200,
    score: Score = "family",
    most_read: int = MOST_READ,
) -> Answer[Similar]:
    """List what is most like a blueprint; archived ones are left out.

    Those that share an edit key, and then those with the best scores, are compared by edit distance, and
    sorted by it, then by score, then by id. So whatever is one edit apart is compared.

    Args:
        rerank: How many are compared; fewer where they are large, never fewer than the limit. 0 keeps the
            order of the scores.
        most_read: See `MOST_READ`; the rarest feature is looked at whatever it takes.

    Returns:
        `truncated_by` is `df_cut` where frequent features were left out, so that something nearer may be
        missing. Otherwise it is `limit` where more blueprints share a feature or an edit key; `total` is how
        many do, where they were counted.

    Raises:
        QueryError: A number is out of range, or there is no such score.
        StoreError: Some blueprints have no features yet.
        IntegrityError: The content of a candidate is not what was registered.
    """
    require_count("limit", limit, 1)
    require_count("rerank", rerank)
    _require_score(score)
    refuse_stale(engine, LIKENESS)
    look = choose(engine, asked, most_read, most_rest=asked.likeness.count)
    most = max(limit, rerank)
    near = _one_edit_apart(engine, asked, limit=most + 1) if rerank else []
    scored = _candidates(engine, asked, look, score=score, limit=most + 1)
    ids = list(dict.fromkeys([*near, *scored]))
    candidates = _read(engine, asked, ids[:most], score, first=near)
    found = _shown(asked, candidates, limit, rerank=rerank, score=score)
    if look.rest:
        return Answer(found, truncated_by="df_cut")
    total = len(ids) if len(ids) <= most else None
    return Answer(found, truncated_by=None if len(found) == total else "limit", total=total)


@seldom_collected()
def near_duplicates(
    engine: Engine,
    asked: Asked,
    *,
    limit: int = 10,
    at_least: float = 0.8,
    most_read: int = MOST_READ,
) -> Answer[Similar]:
    """List what is nearly the same as a blueprint, nearest first; archived ones are left out.

    That is whatever computes the same once simplified, shares an edit key, or has a score by `near_duplicate`
    of at least so much. None is missed: blueprints with such a score share some of the rarest features, so
    the frequent ones need not be looked at.

    Returns:
        `truncated_by` is `limit` where they are more than the limit. `total` is how many there are, None
        where more than `MOST_CANDIDATES` had to be read.

    Raises:
        QueryError: The limit is below 1, or the score is not above 0 and at most 1.
        StoreError: Some blueprints have no features or no normal fingerprint of today's yet.
        IntegrityError: The content of a candidate is not what was registered.

    Source of the choice of features: S. Chaudhuri et al., "A primitive operator for similarity joins in data
    cleaning", ICDE 2006.
    """
    require_count("limit", limit, 1)
    if not 0 < at_least <= 1:
        raise QueryError(
            f"the least score is {at_least}, and scores are above 0 and up to 1", hint="0.8 is usual"
        )
    refuse_stale(engine, LIKENESS)
    refuse_stale(engine, NORMAL)
    asking = {"normal": asked.normal_fingerprint, "id": asked.id, "limit": MOST_CANDIDATES + 1}
    same = [row["id"] for row in engine.read(get("similarity/same_computation"), asking)]
    near = _one_edit_apart(engine, asked, limit=MOST_CANDIDATES + 1)
    look = choose(engine, asked, most_read, most_rest=round(at_least * asked.likeness.count, _DIGITS))
    scored = _candidates(engine, asked, look, score="duplicate", limit=MOST_CANDIDATES + 1, at_least=at_least)
    sure = dict.fromkeys([*same, *near])
    ids = list(dict.fromkeys([*sure, *scored]))
    read = _read(engine, asked, ids[:MOST_CANDIDATES], "duplicate", first=sure)
    found = [one for one in read if one.id in sure or round(one.duplicate, _DIGITS) >= at_least]
    nearest = _shown(asked, found, limit, rerank=MOST_CANDIDATES)
    if len(ids) > MOST_CANDIDATES:
        return Answer(nearest, truncated_by="limit")
    return Answer(nearest, truncated_by="limit" if len(found) > limit else None, total=len(found))


@seldom_collected()
def novelty(
    engine: Engine, asked: Asked, *, k: int = 10, rerank: int = 200, most_read: int = MOST_READ
) -> Novelty:
    """Say how new a blueprint is: the mean distance to the k that are most like it.

    The distance of two is 1 - `near_duplicate`, so 1 where they share no feature. Where there are fewer than
    k others, it is the mean over those; where there are none, the blueprint is as new as can be: 1.

    Args:
        rerank: How many candidates are read to find the k.

    Raises:
        QueryError: A number is out of range.
        StoreError: Some blueprints have no features yet.
        IntegrityError: The content of a candidate is not what was registered.

    Source: J. Lehman and K. O. Stanley, "Abandoning objectives: evolution through the search for novelty
    alone", Evolutionary Computation 19 (2011).
    """
    require_count("k", k, 1)
    require_count("rerank", rerank)
    refuse_stale(engine, LIKENESS)
    look = choose(engine, asked, most_read, most_rest=asked.likeness.count)
    ids = _candidates(engine, asked, look, score="duplicate", limit=max(k, rerank))
    nearest = _read(engine, asked, ids, "duplicate")[:k]
    number = k
    if len(nearest) < k:
        (others,) = engine.read(get("similarity/others"), {"id": asked.id})
        number = min(k, others["blueprints"])
    alike = fsum(one.duplicate for one in nearest)
    value = 1 - alike / number if number else 1.0
    return Novelty(value, not look.rest, Answer(_shown(asked, nearest)))


class Look(NamedTuple):
    """Features to look at, and how much of the blueprint is in those that are left out."""

    features: list[Row]
    rest: int


def choose(engine: Engine, asked: Asked, most_read: int, *, most_rest: float) -> Look:
    """Take features from the rarest on, until less than so much is left out and no more may be read.

    What no other blueprint has is not left out, for it finds nothing.
    """
    counts = asked.likeness.features
    rows = engine.read(get("similarity/frequencies"), {"keys": list(counts)})
    owners = {row["key"]: row["blueprints"] - bool(asked.id) for row in rows}
    shared = sorted((number, key) for key, number in owners.items() if number > 0)
    rest = sum(counts[key] for _, key in shared)
    read, chosen = 0, list[Row]()
    for number, key in shared:
        read += number
        if chosen and read > most_read and rest < most_rest:
            break
        chosen.append({"key": key, "count": counts[key]})
        rest -= counts[key]
    return Look(chosen, rest)


def parameters(
    asked: Asked, look: Look, *, score: Score, limit: int, at_least: float = 0.0
) -> dict[str, Any]:
    """Write what `similarity/candidates` asks for."""
    return {
        "features": look.features,
        "rest": look.rest,
        "count": asked.likeness.count,
        "weight": asked.likeness.weight,
        "score": score,
        "at_least": at_least,
        "id": asked.id,
        "limit": limit,
    }


def _candidates(
    engine: Engine, asked: Asked, look: Look, *, score: Score, limit: int, at_least: float = 0.0
) -> list[str]:
    """List ids of blueprints that share what is looked at, those with the highest certain scores first."""
    asking = parameters(asked, look, score=score, limit=limit, at_least=at_least)
    return [row["id"] for row in engine.read(get("similarity/candidates"), asking)]


def _one_edit_apart(engine: Engine, asked: Asked, *, limit: int) -> list[str]:
    """List ids of blueprints that share edit keys, those that share most first."""
    asking = {"keys": asked.likeness.edit_keys, "id": asked.id, "limit": limit}
    return [row["id"] for row in engine.read(get("similarity/one_edit"), asking)]


class _Candidate(NamedTuple):
    """A blueprint that was read, with exact scores."""

    id: str
    read: Recorded
    family: float
    duplicate: float


def _read(
    engine: Engine, asked: Asked, ids: Sequence[str], score: Score, *, first: Collection[str] = ()
) -> list[_Candidate]:
    """Read candidates: some that come first, then those with the highest scores, then by id."""
    found: dict[str, Recorded] = {}
    for begin in range(0, len(ids), _READ_AT_ONCE):
        found |= recorded(engine, ids[begin : begin + _READ_AT_ONCE])
    counts = asked.likeness.features
    candidates: list[_Candidate] = []
    for name, one in found.items():
        theirs = features(one.blueprint)
        candidates.append(_Candidate(name, one, same_family(counts, theirs), near_duplicate(counts, theirs)))
    foremost = frozenset(first)
    candidates.sort(key=lambda one: (one.id not in foremost, *_by_score(one, score)))
    return candidates


def _by_score(one: _Candidate | Similar, score: Score) -> tuple[float, str]:
    return -round(getattr(one, score), _DIGITS), one.id


def _shown(
    asked: Asked,
    candidates: Sequence[_Candidate],
    limit: int | None = None,
    *,
    rerank: int = 0,
    score: Score = "duplicate",
) -> list[Similar]:
    """Compare candidates by edit distance: those to show, or more of them to show the nearest ones."""
    shown = len(candidates) if limit is None else limit
    own = outline(asked.blueprint)
    found = [
        Similar(
            one.id,
            one.read.blueprint.name,
            one.family,
            one.duplicate,
            edit_distance(own, outline(one.read.blueprint)).cost,
            _identity(asked, one.read.properties),
            asked.blueprint,
            one.read.blueprint,
        )
        for one in candidates[: max(shown, _affordable(asked, candidates[:rerank]))]
    ]
    if rerank:
        found.sort(key=lambda one: (one.distance, *_by_score(one, score)))
    return found[:shown]


def _affordable(asked: Asked, candidates: Sequence[_Candidate]) -> int:
    """Count how many candidates can be compared at a cost that grows with the square of the nodes."""
    own = len(asked.blueprint.expanded.nodes)
    sizes = [max(own, len(one.read.blueprint.expanded.nodes)) for one in candidates]
    return sum(work <= COMPARING for work in accumulate(size * size for size in sizes))


def _identity(asked: Asked, properties: Mapping[str, Any]) -> Identity | None:
    if properties["fingerprint"] == asked.blueprint.fingerprint:
        return "fingerprint"
    same = properties.get("normal_fingerprint") == asked.normal_fingerprint != NO_NORMAL
    return "normal" if same else None


def _require_score(score: str) -> None:
    if score not in SCORES:
        raise QueryError(f"there is no score `{score}`", hint=f"choose among {', '.join(SCORES)}")
