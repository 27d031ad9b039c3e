"""Passes over the cells, with prefetching, timing and progress; and stores for their results, in memory or on disk."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from tqdm import tqdm

from portal_lib.preparation.reading.rows import Clock, Rows, Spilled, rows_of
from portal_lib.preparation.reading.storage import CSRAppender, H5adWriter

if TYPE_CHECKING:
    from anndata import AnnData

    from portal_lib.preparation.reading.names import Names
    from portal_lib.preparation.reading.sources import Source


class Passes:
    """Passes over the chunks of a matrix. One thread reads ahead of the computation; both share the CPU cores.

    Attributes
    ----------
    source
        The raw counts.
    pool, threads
        Threads that work on a chunk.
    seconds
        Of each pass by name; and, over all passes, ``read`` and ``waited``.
    """

    def __init__(self, source: Source, threads: int, progress: bool | None = False):
        self.source, self.threads = source, threads
        self.pool = ThreadPoolExecutor(threads)
        self._clock = Clock()
        self._passes: dict[str, float] = {}
        self._hidden = None if progress is None else not progress

    def __enter__(self) -> Passes:
        return self

    def __exit__(self, *error) -> None:
        self.pool.shutdown()

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds of each pass, of reading and of waiting."""
        return self._passes | {"read": self._clock.read, "waited": self._clock.waited}

    def counts(self, name: str) -> Iterator[sp.csr_matrix]:
        """The chunks of the raw counts."""
        return (rows for _, rows in self.numbered(name, self.source))

    def numbered(self, name: str, holder: Any) -> Iterator[tuple[slice, sp.csr_matrix]]:
        """Chunks of the rows of a source or store, each with its slice of the rows."""
        began, start = time.perf_counter(), 0
        with tqdm(total=holder.rows.shape[0], desc=name, unit=" cells", mininterval=1, disable=self._hidden) as bar:
            for rows in self._clock.ahead(holder.rows.chunks()):
                here = slice(start, start + rows.shape[0])
                start = here.stop
                yield here, rows
                bar.update(rows.shape[0])
        self._passes[name] = time.perf_counter() - began


class InMemory:
    """A prepared object in memory; without `counts`, X is omitted and spilled to disk in between."""

    def __init__(self, *, counts: bool = True):
        self.rows: Rows | None = None if counts else Spilled()
        self._parts: list[sp.csr_matrix] = []
        self._counts: sp.csr_matrix | None = None
        self._elements: dict[str, Any] = {}
        self._dense: dict[str, np.ndarray] = {}

    def __enter__(self) -> InMemory:
        return self

    def __exit__(self, *error) -> None:
        if self.rows is not None:
            self.rows.close()

    def append(self, rows: sp.csr_matrix) -> None:
        """Append cells to X."""
        if isinstance(self.rows, Spilled):
            self.rows.append(rows)
        else:
            self._parts.append(rows)

    def finish(self) -> None:
        """Complete X; `rows` reads it from here on."""
        if self.rows is None:
            self._counts = sp.vstack(self._parts, format="csr")
            self._parts.clear()
            self.rows = rows_of(self._counts)

    def dense(self, key: str, shape: tuple[int, int]) -> np.ndarray:
        """An array of obsm to be filled."""
        self._dense[key.removeprefix("obsm/")] = np.empty(shape, np.float32)
        return self._dense[key.removeprefix("obsm/")]

    def table(self, key: str, columns: pd.DataFrame, names: Names) -> None:
        """Store obs."""
        self._elements[key] = columns.set_axis(names.to_index(), axis=0)

    def put(self, key: str, value: Any) -> None:
        """Store var, varm or uns."""
        self._elements[key] = value

    def result(self) -> AnnData:
        """The prepared object."""
        from anndata import AnnData

        return AnnData(self._counts, obsm=self._dense, **self._elements)


class OnDisk(H5adWriter):
    """A prepared object in an h5ad file that is being written."""

    def __init__(self, path: str | Path, threads: int):
        super().__init__(path, threads=threads)
        self._threads = threads
        self._counts: CSRAppender | None = None
        self.rows: Rows | None = None

    def append(self, rows: sp.csr_matrix) -> None:
        """Append cells to X."""
        if self._counts is None:
            self._counts = self.csr("X", rows.shape[1])
        self._counts.append(rows)

    def finish(self) -> None:
        """Complete X; `rows` reads it from here on."""
        assert self._counts is not None, "append() was not called"
        self._counts.finish()
        self.rows = rows_of(self._counts.group, threads=self._threads)

    def put(self, key: str, value: Any) -> None:
        """Store var, varm or uns."""
        self.element(key, value)

    def __exit__(self, *error) -> None:
        if self.rows is not None:
            self.rows.close()
        super().__exit__(*error)

    def result(self) -> None:
        """None: the result is in the file."""
