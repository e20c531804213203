"""Keep kernel bytes under their digest, in a directory or at an fsspec URL.

A file is written beside its place and moved there, so that nobody ever sees half of one. Names are digests:
nothing that came from elsewhere becomes part of a path.
"""

import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from esper_graph.compile.archive import digest_of
from esper_graph.errors import KernelBytesMissingError, KernelError, UntrustedKernelError

if TYPE_CHECKING:
    from collections.abc import Iterator

_DIGEST = re.compile(r"[0-9a-f]{64}\Z", re.ASCII)
_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.ASCII)
SUFFIX = ".pt"


def checked_digest(digest: str) -> str:
    """Return a digest that is one.

    Raises:
        KernelError: It is not 64 hexadecimal digits, so it names no kernel.

    Example:
        >>> checked_digest("../../etc/passwd")
        Traceback (most recent call last):
        ...
        esper_graph.errors.KernelError: '../../etc/passwd' is not the digest of a kernel
        <BLANKLINE>
        hint: a digest is the SHA-256 of the bytes: 64 of the digits 0-9 and a-f
    """
    if not _DIGEST.match(digest):
        raise KernelError(
            f"{digest[:200]!r} is not the digest of a kernel",
            hint="a digest is the SHA-256 of the bytes: 64 of the digits 0-9 and a-f",
        )
    return digest


@dataclass(frozen=True, slots=True)
class KernelFiles:
    """The kernels that are kept at one place.

    Attributes:
        root: A directory, or an fsspec URL such as `s3://bucket/kernels`.
    """

    root: str

    def place(self, digest: str) -> str:
        """Return the path or URL of a kernel.

        Raises:
            KernelError: The digest is none.
        """
        checked_digest(digest)
        relative = f"sha256/{digest[:2]}/{digest[2:]}{SUFFIX}"
        return (
            f"{self.root.rstrip('/')}/{relative}"
            if self._is_url
            else str(Path(self.root, *relative.split("/")))
        )

    def write(self, data: bytes, digest: str | None = None) -> str:
        """Keep bytes; the same bytes are kept once.

        Args:
            digest: What the caller takes the digest to be; None computes it.

        Returns:
            The digest.

        Raises:
            UntrustedKernelError: The bytes do not have the digest.
            KernelError: The place cannot be written.
        """
        found = digest_of(data)
        place = self.place(found if digest is None else digest)
        if digest not in (None, found):
            raise UntrustedKernelError(str(digest), found, place)
        try:
            if self._is_url:
                self._write_remote(place, data)
            else:
                _write_local(Path(place), data)
        except OSError as error:
            raise KernelError(
                f"the kernel cannot be written: {error.strerror or error}",
                where=[f"place  {place}", f"size   {len(data)} bytes"],
                hint="make room there, or set ESPER_GRAPH_KERNELS to another directory or URL",
            ) from error
        return found

    def read(self, digest: str) -> bytes:
        """Return the bytes of a kernel, which are the recorded ones.

        Raises:
            KernelBytesMissingError: They are not here.
            UntrustedKernelError: They are other ones.
            KernelError: They cannot be read.
        """
        place = self.place(digest)
        try:
            data = self._read_remote(place) if self._is_url else Path(place).read_bytes()
        except FileNotFoundError as error:
            raise KernelBytesMissingError(digest, place) from error
        except OSError as error:
            raise KernelError(
                f"the kernel cannot be read: {error.strerror or error}", where=[f"place  {place}"]
            ) from error
        found = digest_of(data)
        if found != digest:
            raise UntrustedKernelError(digest, found, place)
        return data

    def __contains__(self, digest: str) -> bool:
        place = self.place(digest)
        return bool(self._file_system(place)[0].exists(place)) if self._is_url else Path(place).is_file()

    def digests(self) -> "Iterator[str]":
        """List the kernels that are here, sorted; only for directories.

        Raises:
            KernelError: The root is a URL.
        """
        if self._is_url:
            raise KernelError("kernels at a URL cannot be listed", where=[f"place  {self.root}"])
        for path in sorted(Path(self.root, "sha256").glob(f"??/*{SUFFIX}")):
            digest = path.parent.name + path.name.removesuffix(SUFFIX)
            if _DIGEST.match(digest):
                yield digest

    def remove(self, digest: str) -> None:
        """Remove the bytes of a kernel; nothing happens where there are none.

        Raises:
            KernelError: They cannot be removed.
        """
        place = self.place(digest)
        try:
            if self._is_url:
                self._file_system(place)[0].rm(place)
            else:
                Path(place).unlink()
        except FileNotFoundError:
            return
        except OSError as error:
            raise KernelError(
                f"the kernel cannot be removed: {error.strerror or error}", where=[f"place  {place}"]
            ) from error

    # ---------------------------------------------------------------- URLs

    @property
    def _is_url(self) -> bool:
        return bool(_URL.match(self.root))

    def _file_system(self, place: str) -> tuple[Any, str]:
        import fsspec  # pyright: ignore[reportMissingTypeStubs]

        try:
            core: Any = fsspec.core
            return core.url_to_fs(place)
        except (ImportError, ValueError) as error:
            raise KernelError(
                f"kernels cannot be kept at `{self.root}`: {error}",
                hint="set ESPER_GRAPH_KERNELS to a directory, or install what the URL needs",
            ) from error

    def _write_remote(self, place: str, data: bytes) -> None:
        system, path = self._file_system(place)
        if system.exists(path) and digest_of(system.cat_file(path)) == digest_of(data):
            return
        # Object stores show a put whole or not at all; others get a temporary name first.
        beside = f"{path}.{secrets.token_hex(8)}.part"
        system.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        system.pipe_file(beside, data)
        system.mv(beside, path)

    def _read_remote(self, place: str) -> bytes:
        system, path = self._file_system(place)
        return system.cat_file(path)


def _write_local(path: Path, data: bytes) -> None:
    if path.is_file() and digest_of(path.read_bytes()) == path.parent.name + path.name.removesuffix(SUFFIX):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{secrets.token_hex(8)}.part")
    try:
        with beside.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
