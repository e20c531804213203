"""The bytes of a kernel: a TorchScript archive that is the same for the same job, and says what it is.

torch's own archives differ from run to run: they hold absolute source paths, a random identification, and
names of classes counted per process. They are written anew without all that: members sorted, stored, with one
date, and the class named after what it was compiled from.
"""

import hashlib
import io
import json
import secrets
import zipfile
from collections.abc import Mapping
from typing import Any, cast

from esper_graph.errors import KernelError

FACTS = "esper_graph.json"
KEPT = "weights.safetensors"
FORMAT = "esper-graph/kernel"
FORMAT_VERSION = 1
MODULE = "esper_graph_kernel"
_DATE = (1980, 1, 1, 0, 0, 0)
_DROPPED = (".debug_pkl", "/.data/serialization_id")


def fresh_class_name() -> str:
    """Return a class name that this process has not used: torch keeps every class it has compiled."""
    return f"Kernel{secrets.token_hex(16)}"


def lasting_class_name(facts: str) -> str:
    """Return the class name that stands in the file: as long as a fresh one, and a function of the facts."""
    return f"Kernel{hashlib.sha256(facts.encode()).hexdigest()[:32]}"


def facts_text(facts: Mapping[str, Any]) -> str:
    """Write the facts that are embedded in a kernel as canonical JSON."""
    return json.dumps({**facts, "format": FORMAT, "format_version": FORMAT_VERSION}, sort_keys=True, indent=1)


def rewrite(archive: bytes, class_name: str, facts: str, kept: bytes | None = None) -> bytes:
    """Write torch's archive anew so that its bytes depend on its content only.

    Args:
        archive: What `torch.jit.save` wrote.
        class_name: The fresh name that the module's class had.
        facts: Text to embed; see `facts_text`.
        kept: Tensors to embed that the module does not hold, in the safetensors format.
    """
    old, new = class_name.encode(), lasting_class_name(facts).encode()
    added = {FACTS: facts.encode()} | ({} if kept is None else {KEPT: kept})
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(target, "w") as written:
        names = sorted(name for name in source.namelist() if not name.endswith(_DROPPED))
        root = names[0].split("/", 1)[0]
        embedded = {f"{root}/extra/{name}": content for name, content in added.items()}
        for name in sorted([*names, *embedded]):
            content = embedded.get(name)
            if content is None:
                content = source.read(name)
                if not name.startswith(f"{root}/data/"):
                    content = content.replace(old, new)
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type = zipfile.ZIP_STORED
            entry.create_system = 3
            entry.external_attr = 0
            written.writestr(entry, content)
    return target.getvalue()


def read_facts(data: bytes) -> Mapping[str, Any]:
    """Read the facts that are embedded in a kernel, without loading it.

    Raises:
        KernelError: The bytes are not a kernel of this format.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = [name for name in archive.namelist() if name.endswith(f"/extra/{FACTS}")]
            facts: object = json.loads(archive.read(names[0])) if len(names) == 1 else None
    except (zipfile.BadZipFile, ValueError, OSError, KeyError, NotImplementedError, RuntimeError) as error:
        raise KernelError("the bytes are not a kernel archive", hint="compile the blueprint again") from error
    if not isinstance(facts, dict):
        raise KernelError(
            f"the archive has no `{FACTS}`: it was not compiled by esper_graph",
            hint="compile the blueprint again",
        )
    found = cast("dict[str, Any]", facts)
    if (found.get("format"), found.get("format_version")) != (FORMAT, FORMAT_VERSION):
        raise KernelError(
            f"the kernel is in format {found.get('format')!r} version {found.get('format_version')!r}, "
            f"this version reads {FORMAT!r} version {FORMAT_VERSION}",
            hint="compile the blueprint again",
        )
    return found


def read_kept(data: bytes) -> bytes | None:
    """Return the tensors that are embedded in a kernel beside its module; None where there are none."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [name for name in archive.namelist() if name.endswith(f"/extra/{KEPT}")]
        return archive.read(names[0]) if names else None


def digest_of(data: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
