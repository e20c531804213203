"""The YAML of a manifest, read strictly: every value of its type, no key unknown, missing or twice."""

from collections.abc import Callable, Mapping
from importlib.resources.abc import Traversable
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, TypeVar, cast

from esper_graph.errors import ConfigError, close_names, suggestion


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Entry = TypeVar("_Entry", bound=_Named)


def read_manifest(source: Path | Traversable) -> "Section":
    """Read the file of a manifest.

    Raises:
        ConfigError: It cannot be read, or is no mapping in YAML.
    """
    try:
        text = source.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the manifest `{source}` cannot be read: {error}",
            hint="ESPER_GRAPH_MANIFEST names the file; unset it to use the shipped one",
        ) from None
    return Section(_parse(text, str(source)), str(source), "$")


class Section:
    """One mapping of the file: hands out typed values and knows which keys nobody asked for.

    Every method raises ConfigError where the value is not as it must be, with its path and what is there.
    """

    def __init__(self, value: object, source: str, path: str) -> None:
        self._source = source
        self._path = path
        if not isinstance(value, Mapping):
            raise self._wrong(path, "a mapping", value)
        self._values = cast(Mapping[object, object], value)
        self._asked: set[str] = set()

    def text(self, key: str) -> str:
        """Return a text that must be there."""
        value = self._take(key)
        if not isinstance(value, str) or not value:
            raise self._wrong(f"{self._path}.{key}", "a text", value)
        return value

    def optional_text(self, key: str) -> str | None:
        """Return a text, or None where the key is not there."""
        return self.text(key) if key in self._values else None

    def optional_number(self, key: str) -> float | None:
        """Return a finite number, or None where the key is not there."""
        if key not in self._values:
            return None
        value = self._take(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            raise self._wrong(f"{self._path}.{key}", "a finite number", value)
        return float(value)

    def choice(self, key: str, allowed: tuple[str, ...]) -> str:
        """Return one of a few texts."""
        value = self._take(key)
        if value not in allowed:
            raise self._wrong(f"{self._path}.{key}", " or ".join(f"`{name}`" for name in allowed), value)
        return cast(str, value)

    def count(self, key: str) -> int:
        """Return a whole number from 1 on."""
        return self._positive(f"{self._path}.{key}", self._take(key))

    def counts(self) -> Mapping[str, int]:
        """Return all values of the section, which are whole numbers from 1 on."""
        return MappingProxyType(
            {str(key): self._positive(f"{self._path}.{key}", value) for key, value in self._values.items()}
        )

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts, none of them twice."""
        path, found = f"{self._path}.{key}", self._list(key)
        for index, item in enumerate(found):
            if not isinstance(item, str) or not item:
                raise self._wrong(f"{path}[{index}]", "a text", item)
        texts = cast(list[str], found)
        self._refuse_doubles(path, texts)
        return tuple(texts)

    def optional_texts(self, key: str) -> tuple[str, ...] | None:
        """Return a list of texts, or None where that is the value."""
        if self._take(key) is None:
            return None
        return self.texts(key)

    def texts_if_any(self, key: str) -> tuple[str, ...]:
        """Return a list of texts, empty where the key is not there."""
        return self.texts(key) if key in self._values else ()

    def optional_flag(self, key: str) -> bool:
        """Return a truth value, false where the key is not there."""
        value = self._take(key) if key in self._values else False
        if not isinstance(value, bool):
            raise self._wrong(f"{self._path}.{key}", "`true` or `false`", value)
        return value

    def section(self, key: str) -> "Section":
        """Return a mapping inside of this one."""
        return Section(self._take(key), self._source, f"{self._path}.{key}")

    def entries(self, key: str, read: Callable[["Section"], _Entry]) -> tuple[_Entry, ...]:
        """Read each mapping of a list; no two have one name."""
        path = f"{self._path}.{key}"
        sections = [
            Section(item, self._source, f"{path}[{index}]") for index, item in enumerate(self._list(key))
        ]
        entries = tuple(read(section) for section in sections)
        for section in sections:
            section.refuse_the_rest()
        self._refuse_doubles(path, [entry.name for entry in entries])
        return entries

    def refuse_the_rest(self) -> None:
        """Refuse keys that nobody asked for."""
        for key in self._values:
            if key not in self._asked:
                raise ConfigError(
                    f"the manifest has an unknown key `{key}`",
                    where=[f"{self._source}  {self._path}"],
                    hint=suggestion(close_names(str(key), self._asked))
                    or f"known: {', '.join(sorted(self._asked))}",
                )

    def _take(self, key: str) -> object:
        self._asked.add(key)
        if key not in self._values:
            unknown = [str(other) for other in self._values]
            raise ConfigError(
                f"the manifest lacks `{key}`",
                where=[f"{self._source}  {self._path}"],
                hint=suggestion(close_names(key, unknown)),
            )
        return self._values[key]

    def _list(self, key: str) -> list[Any]:
        value = self._take(key)
        if not isinstance(value, list):
            raise self._wrong(f"{self._path}.{key}", "a list", value)
        return cast(list[Any], value)

    def _positive(self, path: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self._wrong(path, "a whole number from 1 on", value)
        return value

    def _refuse_doubles(self, path: str, names: list[str]) -> None:
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"the manifest names `{name}` twice", where=[f"{self._source}  {path}"])

    def _wrong(self, path: str, wanted: str, value: object) -> ConfigError:
        return ConfigError(
            f"the manifest has `{value}` where {wanted} must be", where=[f"{self._source}  {path}"]
        )


def _parse(text: str, source: str) -> object:
    import yaml

    class StrictLoader(yaml.SafeLoader):
        """YAML itself forbids a key that stands twice in one mapping; PyYAML keeps the last."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
            keys = [key.value for key, _ in node.value]
            for key in keys:
                if keys.count(key) > 1:
                    raise ConfigError(
                        f"the manifest has the key `{key}` twice",
                        where=[f"{source}  line {node.start_mark.line + 1}"],
                    )
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(text, StrictLoader)  # noqa: S506, a SafeLoader that refuses more
    except yaml.YAMLError as error:
        raise ConfigError(f"the manifest `{source}` is not YAML: {error}") from None
