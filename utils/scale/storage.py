"""Storage: one folder that fsspec reaches, local or remote, where a file appears wholly or not at all."""

from __future__ import annotations

import errno
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from utils import files

FULL = (errno.ENOSPC, errno.EDQUOT)
MANGLED = re.compile(r"[A-Za-z][\w+.-]+:/[^/]")  # a URL that pathlib took for a path


class Place:
    """A folder by its path or URL: `photos`, `s3://bucket/folder`, `memory://folder`.

    Attributes:
        url: as it was given; where it lies on this machine, the whole path.
        fs: the file system of fsspec.
        path: the folder on it, without a slash at its end.
        local: the same as a Path where it lies on this machine, else None.

    Raises:
        ValueError: a kind of storage that fsspec does not know, or a URL that pathlib has changed.
        ImportError: a kind that needs a library of its own; names it.
    """

    def __init__(self, url: str | Path):
        from fsspec.implementations.local import LocalFileSystem

        self.fs, path = reached(str(url))
        self.path = path.rstrip("/") or "/"
        self.local = Path(self.path) if isinstance(self.fs, LocalFileSystem) else None
        self.url = self.path if self.local else str(url).rstrip("/")

    def names(self, suffix: str) -> list[str]:
        """Names of the files in the folder that end so, sorted, without those still being written."""
        self.fs.invalidate_cache()  # other machines write too
        with answering(self.url):
            try:
                found = [path.rpartition("/")[2] for path in self.fs.ls(self.path, detail=False)]
            except FileNotFoundError:
                return []
        return sorted(name for name in found if name.endswith(suffix) and not name.startswith("."))

    def read(self, name: str, start: int | None = None, stop: int | None = None) -> bytes:
        """The bytes of a file, or those from `start` to before `stop`."""
        if start is not None and start == stop:
            return b""  # HTTP cannot ask for no bytes
        with answering(self.url):
            return self.fs.cat_file(f"{self.path}/{name}", start=start, end=stop)

    def size(self, name: str) -> int:
        """How many bytes a file has."""
        with answering(self.url):
            return int(self.fs.size(f"{self.path}/{name}"))

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        with answering(self.url):
            try:
                self.fs.info(f"{self.path}/{name}")  # `exists` takes a network that fails for a file that is not there
            except (FileNotFoundError, NotADirectoryError):
                return False
        return True

    def commit(self, name: str, data: bytes) -> None:
        """Writes a file under another name and renames it; where storage cannot rename, the whole file is copied.

        Raises:
            OSError: the disk is full; PermissionError: nothing may be written there. Both name the folder.
        """
        temporary = f"{self.path}/.{name}.{uuid.uuid4().hex[:12]}.tmp"
        with writing(self.url):
            try:
                self.fs.makedirs(self.path, exist_ok=True)
                self.fs.pipe_file(temporary, data)
                if self.local:
                    os.replace(temporary, self.local / name)
                else:
                    self.fs.cp_file(temporary, f"{self.path}/{name}")
                    self.fs.rm_file(temporary)
            except BaseException:
                with suppress(OSError):
                    self.fs.rm_file(temporary)
                raise

    def fetched(self, name: str, folder: Path) -> Path:
        """The file on this machine: itself, or a copy in `folder` that is made once."""
        if self.local:
            return self.local / name
        copy = folder / name
        if not (copy.is_file() and copy.stat().st_size == self.size(name)):
            with writing(str(folder)), files.atomic_write(copy) as temporary, answering(self.url):
                self.fs.get_file(f"{self.path}/{name}", str(temporary))
        return copy


def reached(url: str) -> tuple[Any, str]:
    """File system and path of a URL; errors as in `Place`."""
    import fsspec
    from fsspec.implementations.local import LocalFileSystem

    if MANGLED.match(url):
        raise ValueError(f"{url} seems to be a URL that pathlib has changed; give it as text")
    if "://" not in url:  # what a URL would mean by :: or # is a name here
        return LocalFileSystem(), LocalFileSystem._strip_protocol(url)
    try:
        return fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise ImportError(f"{url} needs a library that is not installed ({error}); requirements-scale.txt") from error
    except ValueError as error:
        raise ValueError(f"{url}: no storage that fsspec knows ({error}); give a folder or such as s3://...") from error


def on_this_machine(folder: str | Path) -> Path:
    """The path of a folder that cannot lie elsewhere.

    Raises:
        ValueError: a URL.
    """
    if "://" in str(folder) or MANGLED.match(str(folder)):
        raise ValueError(f"{folder} is a URL, but an index lies on this machine: give a folder")
    return Path(folder).expanduser()


@contextmanager
def answering(url: str) -> Iterator[None]:
    """A context in which storage that does not answer, or has no keys, is an OSError that says so."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, PermissionError, MemoryError):
        raise
    except Exception as error:  # libraries of storage have errors of their own, such as botocore
        if getattr(error, "errno", None) in FULL:
            raise
        reason = f"{type(error).__name__}: {error}"
        raise OSError(f"{url} cannot be reached ({reason}); check the address, the network and your keys") from error


@contextmanager
def writing(url: str) -> Iterator[None]:
    """A context in which errors of a full or closed folder say what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            advice = "make room and run again: what is committed is whole, the rest is done then"
            raise OSError(error.errno, f"{url}: the disk is full; {advice}") from error
        if isinstance(error, PermissionError) or error.errno in files.NOT_WRITABLE:
            raise PermissionError(f"{url} cannot be written; change its permissions or give another place") from error
        if isinstance(error, FileExistsError | NotADirectoryError):
            raise NotADirectoryError(f"{url} is, or lies below, a file; give a folder") from error
        raise
