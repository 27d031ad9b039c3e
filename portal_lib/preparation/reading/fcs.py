"""Cytometry files (FCS 2.0 to 3.1), read and checked."""

import io
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from portal_lib.errors import DataError

# Positions in the header of the offsets of text and data, each a number of eight characters.
OFFSETS = {"text begins": 10, "text ends": 18, "data begin": 26, "data end": 34}
HEADER_BYTES = 58


class Events(NamedTuple):
    """Values, float64, shape (n_cells, n_channels); short channel names; their markers, "" if not stated."""

    values: np.ndarray
    channels: tuple
    markers: tuple


def read_fcs(path):
    """Read the events of an FCS file.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    Events; gain and logarithmic scale of a channel are undone where the file states them.

    Raises
    ------
    DataError
        The file is missing, not an FCS file, truncated, or inconsistent; the message says which.

    Notes
    -----
    Offsets of the data are read from the text segment, or from the header if $BEGINDATA or $ENDDATA is missing.
    """
    path = Path(path)
    try:
        body = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    _check_header(path, body)
    events = _parse(path, body)
    values = _guarded(path, events.as_array)
    return Events(values, tuple(events.pnn_labels), tuple(label.strip() for label in events.pns_labels))


def _check_header(path, body):
    """Check the header and the length of the file before parsing."""
    if body[:3] != b"FCS":
        raise DataError(f"{path}: not an FCS file (first bytes: {body[:6]!r})")
    if len(body) < HEADER_BYTES:
        raise DataError(f"{path}: truncated: {len(body)} bytes, fewer than the {HEADER_BYTES} of the header")
    ends = {}
    for what, start in OFFSETS.items():
        field = body[start : start + 8]
        try:
            ends[what] = int(field)
        except ValueError:
            raise DataError(f"{path}: broken header: the offset where the {what}, {field!r}, is not a number") from None
    if ends["text begins"] < HEADER_BYTES or ends["text ends"] <= ends["text begins"] or min(ends.values()) < 0:
        raise DataError(f"{path}: broken header: text from byte {ends['text begins']} to {ends['text ends']}")
    last = max(ends.values())
    if last >= len(body):
        raise DataError(f"{path}: truncated: the header refers to byte {last}, but there are {len(body)} bytes")


def _parse(path, body):
    """The file as parsed by FlowIO, checked for consistency."""
    import flowio

    def read():
        try:
            return flowio.FlowData(io.BytesIO(body))
        except KeyError as error:
            if error.args[0] not in ("begindata", "enddata"):
                raise
            return flowio.FlowData(io.BytesIO(body), use_header_offsets=True)

    events = _guarded(path, read)
    _check_events(path, events)
    return events


def _guarded(path, read):
    """The result of `read`; any failure becomes one DataError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            return read()
    except KeyError as error:
        raise DataError(f"{path}: the text segment lacks the keyword ${str(error.args[0]).upper()}") from error
    except Exception as error:
        # On damaged files FlowIO raises errors of many kinds (IndexError, ValueError, re.error, its own), and it warns
        # and guesses if the byte order is unknown.
        problem = str(error).replace("InMemoryFile", "the file") or type(error).__name__
        raise DataError(f"{path}: cannot be read as FCS: {problem}") from error


def _check_events(path, events):
    """Compare the values read with the numbers stated in the file."""
    found = 0 if events.events is None else len(events.events)
    named = len(events.pnn_labels)
    if named != events.channel_count:
        raise DataError(f"{path}: {events.channel_count} channels are stated ($PAR), {named} are named")
    if found != events.event_count * events.channel_count:
        wanted = f"{events.event_count} cells of {events.channel_count} channels are stated"
        raise DataError(f"{path}: {wanted}, but there are {found} values")


def take(events, markers, path):
    """Columns of some markers or channels.

    Parameters
    ----------
    events
        From :func:`read_fcs`.
    markers
        Each the marker of exactly one channel, or a short channel name.
    path
        Path of the file, for messages.

    Returns
    -------
    float64 array, shape (n_cells, len(markers)), columns in the order of `markers`.

    Raises
    ------
    DataError
        Lists all markers that no channel or more than one measures; or a value is not finite.
    """
    places = {marker: _places(events, marker) for marker in markers}
    problems = [f"  '{m}': number of channels: {len(p)}" for m, p in places.items() if len(p) != 1]
    if problems:
        raise DataError("\n".join([f"{path}: the file read is not the one expected", *problems]))
    values = events.values[:, [place for (place,) in places.values()]]
    if not np.isfinite(values).all():
        raise DataError(f"{path}: holds values that are not finite")
    return values


def _places(events, marker):
    """Columns whose channel has this short name, or else this marker."""
    return [i for i, name in enumerate(events.channels) if name == marker] or [
        i for i, name in enumerate(events.markers) if name == marker
    ]
