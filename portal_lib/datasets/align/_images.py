"""Images as domains: IDX files of MNIST, rotation about the centre, and digits with their rotations."""

import gzip
import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from portal_lib.datasets._checks import no_such_file
from portal_lib.datasets.align._domains import as_table, halves
from portal_lib.errors import DataError
from portal_lib.preparation.domains import Correspondence, Domains, Truth

# Facts of both data sets.
SHARED = {
    "task": "align",
    "organism": "none",
    "params": {
        "angle": {"default": 120.0, "type": "number", "description": "degrees, counter-clockwise"},
        "disjoint": {
            "default": False,
            "type": "boolean",
            "description": "each domain has its own half of the images instead of all of them",
        },
        "n_pairs": {"default": 1, "type": "integer", "minimum": 1, "description": "known pairs per run"},
        "n_draws": {
            "default": 100,
            "type": "integer",
            "minimum": 1,
            "description": "draws of known pairs; a run uses the one of its seed",
        },
        "pair_digit": {"default": "3", "type": "string", "enum": ["3", "7"], "description": "digit of known pairs"},
        "seed": {"default": 0, "type": "integer", "minimum": 0, "description": "same seed, same bytes"},
    },
    "resampled_per_seed": True,
    "max_trainings": 100,
    "figures": ["cells", "destinations"],
}

# Type code of unsigned bytes, the only type that MNIST uses.
BYTES = 0x08
# Share of the images of the paired digit that are, rotated, also in the second of two disjoint domains.
PAIRED_SHARE = 0.1


def read_idx(folder, name, n_axes):
    """Read an IDX file of unsigned bytes, gzipped or not.

    Parameters
    ----------
    folder, name
        Folder and name of the file.
    n_axes
        Required number of axes: 3 for images, 1 for labels.

    Returns
    -------
    uint8 array, the first axis over items.

    Raises
    ------
    DataError
        The file is missing, not an IDX file of bytes with that many axes, or its length contradicts its header.

    Notes
    -----
    Format: two zero bytes, one byte for the type (8 is unsigned bytes), one for the number of axes; the length of each
    axis as a big-endian 32-bit number; then the values, last axis fastest.
    """
    path = Path(folder) / name
    body = _unpacked(path)
    header = 4 + 4 * n_axes
    if len(body) < header or body[:2] != b"\0\0" or body[2] != BYTES:
        raise DataError(f"{path}: not an IDX file of unsigned bytes (first bytes: {body[:4].hex(' ') or 'none'})")
    if body[3] != n_axes:
        raise DataError(f"{path}: expected {n_axes} axes, found {body[3]}")
    shape = tuple(int(n) for n in np.frombuffer(body, ">u4", n_axes, 4))
    expected = header + math.prod(shape)
    if len(body) != expected:
        size = " × ".join(map(str, shape))
        raise DataError(f"{path}: the header says {size}, which needs {expected} bytes, found {len(body)}")
    return np.frombuffer(body, np.uint8, offset=header).reshape(shape)


def _unpacked(path):
    """The bytes of a file, decompressed if gzipped."""
    try:
        body = path.read_bytes()
        return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    except FileNotFoundError:
        raise no_such_file(path) from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be unpacked: {error}") from error


def rotate(images, angle):
    """Rotate images about their centre, keeping their size.

    Parameters
    ----------
    images
        Shape (n, height, width), any scale.
    angle
        Degrees; positive is counter-clockwise with row 0 on top.

    Returns
    -------
    float64 array of the same shape.

    Notes
    -----
    The pixel at p gets the value at R⁻¹ (p - c) + c of the original, c = ((height - 1) / 2, (width - 1) / 2), with
    bilinear interpolation and 0 outside.
    """
    from scipy import ndimage

    turned = np.asarray(images, dtype=np.float64)
    return ndimage.rotate(turned, angle, axes=(1, 2), reshape=False, order=1, mode="grid-constant", cval=0.0)


@dataclass(frozen=True)
class Pairs:
    """Known pairs: `n_draws` draws of `n_pairs` images of class `digit`, each with its own rotation."""

    digit: str
    n_pairs: int
    n_draws: int


def rotated_domains(images, digits, *, angle, disjoint, pairs, seed):
    """Images as domain 1 and rotated images as domain 2, with few known pairs.

    Parameters
    ----------
    images
        Shape (n, height, width), scaled to [0, 1].
    digits
        Class of each, texts of shape (n,).
    angle
        Degrees, see :func:`rotate`.
    disjoint
        Whether each domain gets its own half of the images instead of all of them.
    pairs
        How many known pairs to draw, :class:`Pairs`.
    seed
        Same seed, same bytes.

    Returns
    -------
    Domains and Truth. Domain 1 contains images, in random order if the domains are disjoint, else in the given order;
    domain 2 rotated images in random order. Targets are exact in both cases, since any image can be rotated; partners
    exist only if all images are in both domains.

    Raises
    ------
    DataError
        There are fewer candidates than pairs.

    Notes
    -----
    A known pair needs its rotation in domain 2. If the domains are disjoint, the pairs of all draws are therefore drawn
    from a pool of a tenth of the candidates of domain 1 (at least `n_pairs`); the rotations of the pool replace as many
    images of the same class in domain 2, which keeps its size and class proportions. All other images are in one domain
    only.
    """
    rng = np.random.default_rng(seed)
    first = second = np.arange(len(images))
    pool = np.flatnonzero(digits == pairs.digit)
    if disjoint:
        first, second = halves(len(images), rng)
        pool, second = _move_pool(first, second, digits, pairs, rng)
    second = rng.permutation(second)
    correspondences = _draw_pairs(first, second, pool, pairs, rng)
    notes = (f"known pairs come from {len(pool)} images that are in both domains",) if disjoint else ()
    return _assemble(images, digits, angle, first, second, correspondences, notes, with_partner=not disjoint)


def _move_pool(first, second, digits, pairs, rng):
    """The pool of images for known pairs, and domain 2 with the pool in place of others of their class."""
    candidates, replaceable = (half[digits[half] == pairs.digit] for half in (first, second))
    size = min(max(round(PAIRED_SHARE * len(candidates)), pairs.n_pairs), len(candidates), len(replaceable))
    pool = rng.choice(candidates, size, replace=False)
    leaving = rng.choice(replaceable, size, replace=False)
    return pool, np.concatenate([second[~np.isin(second, leaving)], pool])


def _draw_pairs(first, second, pool, pairs, rng):
    """One correspondence per draw."""
    if pairs.n_pairs > len(pool):
        raise DataError(f"n_pairs is {pairs.n_pairs}, but only {len(pool)} images of '{pairs.digit}' can be paired")
    rows = [{int(image): row for row, image in enumerate(domain)} for domain in (first, second)]
    draws = (rng.choice(pool, pairs.n_pairs, replace=False) for _ in range(pairs.n_draws))
    return tuple(Correspondence(pairs=tuple((rows[0][int(i)], rows[1][int(i)]) for i in draw)) for draw in draws)


def _assemble(images, digits, angle, first, second, correspondences, notes, *, with_partner):
    """Domains and ground truth of the images `first` and the rotated images `second`."""
    height, width = images.shape[1:]
    pixels = [f"r{row:02d}c{column:02d}" for row in range(height) for column in range(width)]
    turned = np.clip(rotate(images, angle), 0.0, 1.0)
    flat = [part.reshape(len(images), -1) for part in (images, turned)]
    x1, target12 = (as_table(part[first], pixels, "a") for part in flat)
    target21, x2 = (as_table(part[second], pixels, "b") for part in flat)
    labels = {"label1": digits[first], "label2": digits[second]}
    partner = np.argsort(second)[first] if with_partner else None
    domains = Domains(x1, x2, correspondences, draw_by_seed=True, standardise=False, image=(height, width), notes=notes)
    return domains, Truth(target12=target12, target21=target21, partner=partner, **labels)
