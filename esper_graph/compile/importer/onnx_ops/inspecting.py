"""Let ONNX's own checker and shape rules look at a model, in another process.

They are written in C++ and end their process on some damaged models, or ask for all memory; so they have a
process of their own, with limits, which is started when it is first needed and serves until this one ends.
This file is also the program of that process: it must import nothing of esper_graph.
"""

import atexit
import contextlib
import os
import subprocess
import sys
import threading
from typing import IO, Any

SECONDS = 60
"""Time for one model."""
MEMORY = 4 << 30
"""Bytes of address space of the process."""
_DONE, _REFUSED = b"\0", b"\1"


class InspectionError(Exception):
    """ONNX's rules refuse a model, or failed on it; says why."""


class Inspector:
    """The process, started when needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def inspect(self, model: bytes) -> bytes:
        """Return a model with the inferred types of its values.

        Raises:
            InspectionError: It is refused, or the process failed on it.
        """
        with self._lock:
            process = self._started()
            timer = threading.Timer(SECONDS, process.kill)
            timer.start()
            answer = None
            try:
                assert process.stdin is not None
                assert process.stdout is not None
                _write(process.stdin, _DONE, model)
                answer = _read(process.stdout)
            except OSError:
                answer = None
            finally:
                timer.cancel()
            if answer is None:
                self.stop()
                raise InspectionError("ONNX's own rules crashed on it, or took too much time or memory")
        kind, content = answer
        if kind == _REFUSED:
            raise InspectionError(content.decode("utf-8", "replace"))
        return content

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._owner != os.getpid() or self._process.poll() is not None:
            self._owner = os.getpid()
            self._process = subprocess.Popen(
                [sys.executable, "-I", __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        return self._process

    def stop(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        process.wait()


def _write(pipe: IO[bytes], kind: bytes, content: bytes) -> None:
    pipe.write(kind + len(content).to_bytes(8, "little"))
    pipe.write(content)
    pipe.flush()


def _read(pipe: IO[bytes]) -> tuple[bytes, bytes] | None:
    head = pipe.read(9)
    if len(head) < 9:
        return None
    size = int.from_bytes(head[1:], "little")
    content = pipe.read(size)
    return None if len(content) < size else (head[:1], content)


def _serve() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    import onnx

    while (given := _read(sys.stdin.buffer)) is not None:
        try:
            content = _inspected(onnx, given[1])
        except Exception as error:  # noqa: BLE001 - whatever it is, it is why the model is refused
            reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason")
            _write(sys.stdout.buffer, _REFUSED, reason.encode())
        else:
            _write(sys.stdout.buffer, _DONE, content)


def _inspected(onnx: Any, content: bytes) -> bytes:
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model)
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    return inferred.SerializeToString()


INSPECTOR = Inspector()
atexit.register(INSPECTOR.stop)

if __name__ == "__main__":
    _serve()
