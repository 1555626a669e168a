"""Pickled annotations, read without running them: a pickle may name any function, so almost every name is refused."""

from __future__ import annotations

import _codecs
import io
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np

from .common import LayoutError

_RECONSTRUCT = np.empty(0).__reduce__()[0]
_ARRAYS = {  # what the published CIFAR batches name, and what NumPy 2 writes in their place
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): _codecs.encode,
}
_DAMAGE = (
    pickle.UnpicklingError, EOFError, AttributeError, ImportError, LookupError, ValueError, TypeError, OverflowError,
    MemoryError, RecursionError, struct.error,
)  # fmt: skip


def load(path: str | Path, arrays: bool = False) -> Any:
    """The content of a pickle that holds containers, numbers and strings.

    Python-2 strings are read as UTF-8, or all of them as latin-1 where one is not.

    Args:
        path: of the file.
        arrays: also accept NumPy arrays as CIFAR's batches hold them; strings are then latin-1, as NumPy needs.

    Raises:
        FileNotFoundError: no such file.
        LayoutError: the pickle names a global beyond these, or is no whole pickle; the message names both.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    content = path.read_bytes()
    if arrays:
        return _unpickle(path, content, "latin-1", _ARRAYS)
    try:
        return _unpickle(path, content, "utf-8", {})
    except LayoutError as error:
        if not isinstance(error.__cause__, UnicodeDecodeError):
            raise
        return _unpickle(path, content, "latin-1", {})


def _unpickle(path: Path, content: bytes, encoding: str, known: dict[tuple[str, str], Any]) -> Any:
    try:
        return _Restricted(path, content, encoding, known).load()
    except LayoutError:
        raise
    except _DAMAGE as error:
        raise LayoutError(f"{path}: no whole pickle of plain values ({type(error).__name__}: {error})") from error


class _Restricted(pickle.Unpickler):
    def __init__(self, path: Path, content: bytes, encoding: str, known: dict[tuple[str, str], Any]):
        super().__init__(io.BytesIO(content), encoding=encoding)
        self._path, self._known = path, known

    def find_class(self, module: str, name: str) -> Any:
        """The global `module.name` if it is known, else a LayoutError before anything of it is imported."""
        module = "builtins" if module == "__builtin__" else module
        if (module, name) not in self._known:
            allowed = ", ".join(".".join(known) for known in self._known) or "none"
            raise LayoutError(f"{self._path}: the pickle names {module}.{name}; accepted: {allowed}")
        return self._known[module, name]

    def persistent_load(self, pid: Any) -> Any:
        """Nothing outside the file is looked up."""
        raise LayoutError(f"{self._path}: the pickle refers to something outside itself ({pid!r})")
