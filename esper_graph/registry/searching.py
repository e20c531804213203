"""Verbs that search: filters, facets, shapes, Pareto fronts, and the best blueprint for a purpose."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from esper_graph.errors import ConfigError, FilterError, NothingFitsError, close_names, suggestion
from esper_graph.property_graph.answer import Answer
from esper_graph.property_graph.found import Choice, Facet, Front, Hit, Page, Point
from esper_graph.property_graph.records import KernelRecord, all_passed
from esper_graph.registry.similar import Similarity

if TYPE_CHECKING:
    from esper_graph.search.begin import Read
    from esper_graph.search.fields import Field
    from esper_graph.search.language import Filter
    from esper_graph.search.order import Order
    from esper_graph.search.run import Search

_PAGE = 25
_NEAR = 1_000
_NO_BUDGET: Mapping[str, float] = {}


class Searching(Similarity):
    """What finds blueprints by what they are, how they measure and what fits them."""

    def search(
        self,
        filter: str = "",
        *,
        order: str = "registered",
        reverse: bool = False,
        limit: int = _PAGE,
        page: str | None = None,
        count: bool = False,
        archived: bool = False,
    ) -> Page:
        """Find blueprints, one page at a time.

        Args:
            filter: Terms that all must hold, such as `tag:transformer -tag:draft params<5e6`.
            order: A number, a time, `name`, `id`, or a metric such as `latency_ms@cpu`, best values first.
                Times begin with the newest, the rest with the smallest. Who has no value comes last.
            reverse: The other way round.
            limit: Most to return.
            page: `next_page` of the page before, with the same filter and order.
            count: Count all that is found, in `total`.
            archived: Find archived ones too.

        Raises:
            FilterError: The filter, the order or the token cannot be read, or the token is of another query.
            BlueprintNotFoundError: The filter refers to a blueprint that does not exist.
        """
        from esper_graph.search import run

        if isinstance(limit, bool) or limit < 1:
            raise ConfigError(f"a page holds 1 blueprint or more, not {limit}")
        prepared = self._prepared(filter, archived=archived)
        found = run.page(self._read, prepared, self._order(order, reverse=reverse), limit=limit, token=page)
        if not count or found.complete:
            return found
        total = run.count(self._read, prepared)
        return Page(found, next_page=found.next_page, truncated_by=found.truncated_by, total=total)

    def fitting(
        self,
        *,
        input: str | None = None,
        output: str | None = None,
        filter: str = "",
        **options: Any,
    ) -> Page:
        """Find blueprints that fit between shapes, such as `input="Bx3x224x224", output="Bx1000"`.

        A name stands for any size at all, the same wherever it stands; `?` is a size that does not matter.

        Args:
            filter: Further terms.
            options: As of `search`.

        Raises:
            FilterError: As of `search`, or neither shape is given.
        """
        shapes = _shapes(input, output)
        if not shapes:
            raise FilterError("fitting between which shapes?", "", hint='such as input="Bx3x224x224"')
        return self.search(" ".join([filter, *shapes]), **options)

    def facets(
        self,
        filter: str = "",
        *,
        facets: Sequence[str] = ("tag", "category", "op", "status", "author", "device"),
        archived: bool = False,
    ) -> Answer[Facet]:
        """Count what a filter finds by tag, category, op type, status, author, device or signature.

        Raises:
            FilterError: The filter cannot be read, or there is no such facet.
        """
        from esper_graph.search import run

        for one in facets:
            if one not in run.FACETS:
                raise FilterError(
                    f"there is no facet `{one}`",
                    one,
                    hint=suggestion(close_names(one, run.FACETS)) or f"there are {', '.join(run.FACETS)}",
                )
        return Answer(run.facets(self._read, self._prepared(filter, archived=archived), facets))

    def pareto(
        self,
        figures: Sequence[str],
        *,
        filter: str = "",
        limit: int | None = None,
        archived: bool = False,
    ) -> Front:
        """Find the blueprints that no other beats in every figure, best of the first figure first.

        Blueprints with the same figures stay together. Those that lack one are left out and counted.

        Args:
            figures: Numbers, of which less is better, and metrics: `["latency_ms@cpu", "parameters"]`.
            limit: Most to return; the answer says what it leaves out.

        Raises:
            FilterError: The filter or a figure cannot be read.
        """
        from esper_graph.search import run
        from esper_graph.search.front import pareto_front

        if not figures:
            raise FilterError("a front over which figures?", "", hint="such as latency_ms@cpu and parameters")
        asked = [self._figure(text) for text in figures]
        rows = run.values(self._read, self._prepared(filter, archived=archived), asked)
        whole = [
            ((one, name), tuple(value for value in values if value is not None)) for one, name, values in rows
        ]
        front = pareto_front([point for point in whole if len(point[1]) == len(asked)])
        signs = [sign for _, _, sign in asked]
        points = [
            Point(one, name, tuple(value * sign for value, sign in zip(values, signs, strict=True)))
            for (one, name), values in front
        ]
        without = sum(len(values) < len(asked) for _, values in whole)
        cut = limit is not None and len(points) > limit
        return Front(
            points[:limit] if cut else points,
            considered=len(rows),
            without_values=without,
            truncated_by="limit" if cut else None,
            total=len(points),
        )

    def choose(
        self,
        *,
        input: str | None = None,
        output: str | None = None,
        device: str | None = None,
        budget: Mapping[str, float] = _NO_BUDGET,
        objective: str | None = None,
        filter: str = "",
        kernel: bool = True,
    ) -> Choice:
        """Choose the best blueprint that fits these shapes, this device and this budget, with a ready kernel.

        Args:
            device: A device of the manifest: its record must meet what the blueprint requires.
            budget: For each metric or number the worst that will do: at most, or at least where more is
                better.
                A metric without a device is meant on `device`.
            objective: What is best, as `order` of `search`; by default the first metric of the budget, else
                the latency on `device`, else the number of parameters.
            filter: Further terms.
            kernel: Whether a validated kernel must be there, with its bytes.

        Raises:
            NothingFitsError: None meets all conditions; says which condition removed how many.
            FilterError: Something cannot be read.
            ConfigError: The manifest has no such device.
        """
        from esper_graph.search import run

        goal = self._objective(objective, device, budget)
        terms = [filter] if filter.strip() else []
        terms += _shapes(input, output)
        if device is not None:
            self.manifest.device(device)
            terms.append(f"runs-on:{_quoted(device)}")
        terms += [self._budget(name, most, device) for name, most in budget.items()]
        terms += ["kernel:ready"] if kernel else []
        terms.append(f"{goal}:*")
        whole = " ".join(terms)
        prepared, order = self._prepared(whole), self._order(goal, reverse=False)
        token: str | None = None
        while True:
            found = run.page(self._read, prepared, order, limit=_PAGE, token=token)
            for hit in found:
                ready = self._ready_kernel(hit) if kernel else None
                if ready is not None or not kernel:
                    return Choice(hit, ready, whole)
            token = found.next_page
            if token is None:
                raise self._nothing_fits(terms, kernel=kernel)

    # ---------------------------------------------------------------- from texts to what runs

    @property
    def _read(self) -> "Read":
        from esper_graph.property_graph.catalogue import get

        engine = self.engine
        return lambda name, parameters: engine.read(get(name), parameters)

    @property
    def _directions(self) -> dict[str, int]:
        """For each metric of the manifest 1 where lower values are better, else -1."""
        return {one.name: 1 if one.direction == "lower" else -1 for one in self.manifest.benchmarks.metrics}

    def _prepared(self, text: str, *, archived: bool = False) -> "Search":
        from esper_graph.search import run
        from esper_graph.search.language import parse

        parsed = parse(text, self._directions)
        self._check_devices(parsed)
        return run.prepare(
            self._read,
            parsed,
            metrics=self._directions,
            devices={one.name: one for one in self.manifest.benchmarks.devices},
            resolve=self._id,
            near=self._near,
            archived=archived,
        )

    def _near(self, blueprint_id: str) -> list[str]:
        """The ids of all that is nearly the same."""
        found = self.near_duplicates(blueprint_id, limit=_NEAR)
        if not found.complete:
            raise FilterError(
                f"more than {_NEAR:,} blueprints are nearly the same as `{blueprint_id}`",
                f"near:{blueprint_id}",
                hint=f"list the nearest: `esper-graph similar {blueprint_id}`",
            )
        return [one.id for one in found]

    def _check_devices(self, parsed: "Filter") -> None:
        """Refuse devices that there are none of; what runs on a device needs its record in the manifest."""
        for term in parsed.of("device"):
            with _blaming(parsed.text, term.column):
                self.manifest.device(str(term.values[0]))
        for term in parsed.of("metric"):
            if term.device is not None:
                with _blaming(parsed.text, term.column):
                    self._know_device(term.device)

    def _order(self, text: str, *, reverse: bool) -> "Order":
        from esper_graph.search.language import order_field
        from esper_graph.search.order import Order

        field, device = order_field(text, self._directions)
        if device is not None:
            with _blaming(text, 1):
                self._know_device(device)
        return Order(field, device, (field.kind == "time") != reverse)

    def _figure(self, text: str) -> "tuple[Field, str | None, int]":
        order = self._order(text, reverse=False)
        if order.field.kind not in {"number", "metric"}:
            raise FilterError(f"`{text}` is no number", text, 1, hint="such as parameters or latency_ms@cpu")
        sign = self._directions[order.field.stored] if order.field.kind == "metric" else 1
        return order.field, order.device, sign

    def _objective(self, given: str | None, device: str | None, budget: Mapping[str, float]) -> str:
        if given is not None:
            return self._on(given, device)
        for name in budget:
            if name.partition("@")[0] in self._directions:
                return self._on(name, device)
        return self._on("latency_ms", device) if device and "latency_ms" in self._directions else "parameters"

    def _on(self, name: str, device: str | None) -> str:
        """A metric without a device is meant on the one that is chosen for; what is computed stays."""
        from esper_graph.search.fields import NAMES

        computed = "@" in name or name in NAMES
        return name if computed or device is None else f"{name}@{device}"

    def _budget(self, name: str, most: float, device: str | None) -> str:
        figure = self._on(name, device)
        _, _, sign = self._figure(figure)
        return f"{figure}{'<=' if sign > 0 else '>='}{most!r}"

    def _ready_kernel(self, hit: Hit) -> KernelRecord | None:
        from esper_graph.store import kernels

        files = self._kernel_files()
        for record in kernels.kernels(self.engine, hit.id):
            if all_passed(record.validation) and record.digest in files:
                return record
        return None

    def _nothing_fits(self, terms: Sequence[str], *, kernel: bool) -> NothingFitsError:
        from esper_graph.search import run

        left = [
            run.count(self._read, self._prepared(" ".join(terms[:number])))
            for number in range(len(terms) + 1)
        ]
        removed = [(term, left[number] - left[number + 1]) for number, term in enumerate(terms)]
        if kernel:
            removed.append(("the bytes of a ready kernel are not here", left[-1]))
        return NothingFitsError(left[0], removed)


@contextmanager
def _blaming(text: str, column: int) -> Generator[None]:
    """Say where in a filter or an order something stands that is not configured."""
    try:
        yield
    except ConfigError as error:
        raise FilterError(error.message, text, column, hint=error.hint) from None


def _shapes(given: str | None, made: str | None) -> list[str]:
    return [
        f"{name}:{_quoted(shape)}"
        for name, shape in (("input", given), ("output", made))
        if shape is not None
    ]


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
