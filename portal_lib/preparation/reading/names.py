"""Names of many cells in little memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from portal_lib.errors import DataError

# Names that become Python strings at a time.
CHUNK = 50_000


class Names(Sequence[str]):
    """Names in order, in one byte string: a million names take 20 MB, as Python strings 70 MB.

    Parameters
    ----------
    parts
        Lists of names to concatenate, text or UTF-8 bytes.

    Raises
    ------
    DataError
        A name is not UTF-8.
    """

    def __init__(self, parts: Iterable[Iterable[Any]]):
        pieces, lengths, hashes = [], [], []
        for part in parts:
            encoded = _utf8(part)
            pieces.append(b"".join(encoded))
            lengths.append(np.fromiter(map(len, encoded), np.int64, len(encoded)))
            hashes.append(np.fromiter(map(hash, encoded), np.int64, len(encoded)))
        self._bytes = b"".join(pieces)
        self._ends = np.concatenate([np.zeros(1, np.int64), *lengths]).cumsum()
        self._hashes = np.concatenate([np.zeros(0, np.int64), *hashes])

    @classmethod
    def of(cls, names: Any) -> Names:
        """Names from an index, or from an array on disk that is read in parts."""
        return cls(names[start : start + CHUNK] for start in range(0, names.shape[0], CHUNK))

    @classmethod
    def joined(cls, parts: Sequence[Names], prefixes: Sequence[str] | None = None) -> Names:
        """Concatenated names, those of each part with its prefix, if there are prefixes."""
        before = [""] * len(parts) if prefixes is None else prefixes
        return cls(
            [prefix + name for name in part]
            for prefix, names in zip(before, parts, strict=True)
            for part in names.chunks()
        )

    def __len__(self) -> int:
        return len(self._ends) - 1

    # No slices: chunks() gives ranges.
    def __getitem__(self, place: int | np.integer) -> str:  # type: ignore[override]
        return self._bytes[self._ends[place] : self._ends[place + 1]].decode()

    def chunks(self) -> Iterator[list[str]]:
        """Lists of names, up to CHUNK at a time."""
        for start in range(0, len(self), CHUNK):
            yield [self[place] for place in range(start, min(start + CHUNK, len(self)))]

    def chosen(self, mask: np.ndarray) -> list[str]:
        """Names where `mask`, shape (n,), is true."""
        return [self[place] for place in np.flatnonzero(mask)]

    def repeated(self) -> list[str]:
        """Names that occur more than once, each once, in the order of their second occurrence."""
        # Hashes may collide, so the few candidates are compared.
        places = np.unique(np.concatenate(self.pairs()))
        names = pd.Series([self[place] for place in places], dtype=object)
        return names[names.duplicated()].unique().tolist()

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Places of names with the same hash: each with the next one, two arrays of one shape."""
        order = np.argsort(self._hashes, kind="stable")
        same = self._hashes[order][1:] == self._hashes[order][:-1]
        return order[:-1][same], order[1:][same]

    def to_index(self) -> pd.Index:
        """As Python strings."""
        return pd.Index([name for part in self.chunks() for name in part], dtype=object)


def _utf8(names: Iterable[Any]) -> list[bytes]:
    """Names as UTF-8; checked, since HDF5 does not."""
    encoded = []
    for name in names:
        try:
            made = name if isinstance(name, bytes) else str(name).encode()
            made.decode()
        except UnicodeError:
            raise DataError(f"the name {name!r} is not UTF-8. Write the names again as UTF-8.") from None
        encoded.append(made)
    return encoded
