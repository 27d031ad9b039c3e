"""Files of cytometry (FCS 2.0 to 3.1), read whole and checked."""

import io
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np

from portal_lib.errors import DataError

# Places of the header that say where text and data lie: each a number in eight characters.
OFFSETS = {"text begins": 10, "text ends": 18, "data begin": 26, "data end": 34}
HEADER_BYTES = 58


class Events(NamedTuple):
    """Values, float64, shape (n_cells, n_channels); short names of the channels; what they measure, "" if not said."""

    values: np.ndarray
    channels: tuple
    markers: tuple


def read_fcs(path):
    """Read the events of an FCS file.

    Parameters
    ----------
    path
        Where the file lies.

    Returns
    -------
    Events, values as they are stored, with gain and logarithmic scale of the channel undone where the file states them.

    Raises
    ------
    DataError
        The file is missing, no FCS file, cut short, or contradicts itself; the message says which.

    Notes
    -----
    The text segment says where the data are; where it leaves $BEGINDATA or $ENDDATA out, the header is asked instead.
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
    """Say what is wrong with the first bytes and with the length, before anything is read by them."""
    if body[:3] != b"FCS":
        raise DataError(f"{path}: no FCS file (first bytes: {body[:6]!r})")
    if len(body) < HEADER_BYTES:
        raise DataError(f"{path}: cut short: {len(body)} bytes, and the header alone takes {HEADER_BYTES}")
    ends = {}
    for what, start in OFFSETS.items():
        field = body[start : start + 8]
        try:
            ends[what] = int(field)
        except ValueError:
            raise DataError(f"{path}: broken header: where the {what}, {field!r}, is no number") from None
    if ends["text begins"] < HEADER_BYTES or ends["text ends"] <= ends["text begins"] or min(ends.values()) < 0:
        raise DataError(f"{path}: broken header: text from byte {ends['text begins']} to {ends['text ends']}")
    last = max(ends.values())
    if last >= len(body):
        raise DataError(f"{path}: cut short: the header speaks of byte {last}, and there are {len(body)}")


def _parse(path, body):
    """The file as FlowIO gives it, in agreement with itself."""
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
    """What `read` gives; whatever it stumbles over becomes one error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            return read()
    except KeyError as error:
        raise DataError(f"{path}: the text of the file lacks the keyword ${str(error.args[0]).upper()}") from error
    except Exception as error:
        # FlowIO meets damage with errors of any kind (IndexError, ValueError, re.error, its own), and guesses with a
        # warning where it does not know the byte order.
        problem = str(error).replace("InMemoryFile", "the file") or type(error).__name__
        raise DataError(f"{path}: cannot be read as FCS: {problem}") from error


def _check_events(path, events):
    """Hold what was read against what the file says of itself."""
    found = 0 if events.events is None else len(events.events)
    named = len(events.pnn_labels)
    if named != events.channel_count:
        raise DataError(f"{path}: {events.channel_count} channels are announced ($PAR), {named} are named")
    if found != events.event_count * events.channel_count:
        wanted = f"{events.event_count} cells of {events.channel_count} channels are announced"
        raise DataError(f"{path}: {wanted}, {found} values are there")


def take(events, markers, path):
    """Columns of some markers or channels.

    Parameters
    ----------
    events
        As of :func:`read_fcs`.
    markers
        Names wanted, each either what exactly one channel measures or a channel's short name.
    path
        Of the file, for messages.

    Returns
    -------
    float64 array, shape (n_cells, len(markers)), columns in the order of `markers`.

    Raises
    ------
    DataError
        Markers that no channel or more than one measures; all are named. Or a value is not finite.
    """
    places = {marker: _places(events, marker) for marker in markers}
    problems = [f"  '{m}': channels that measure it: {len(p)}" for m, p in places.items() if len(p) != 1]
    if problems:
        raise DataError("\n".join([f"{path}: the file read is not the one expected", *problems]))
    values = events.values[:, [place for (place,) in places.values()]]
    if not np.isfinite(values).all():
        raise DataError(f"{path}: holds values that are not finite")
    return values


def _places(events, marker):
    """Columns whose channel has this short name, or else measures this."""
    return [i for i, name in enumerate(events.channels) if name == marker] or [
        i for i, name in enumerate(events.markers) if name == marker
    ]
