import numpy as np
import pytest
from fcs_files import fcs

from portal_lib.datasets.align import cytof_panels, cytonorm_replicates, thymus_panels
from portal_lib.errors import DataError
from portal_lib.preparation.reading.fcs import read_fcs, take

CHANNELS, MARKERS = ["Time", "(Cd112)Di", "(Cd114)Di", "CD3"], ["", "CD14", "CD14", "T cells"]
VALUES = np.random.default_rng(0).normal(0, 5, (20, 4)).astype(np.float32)


@pytest.fixture
def read(tmp_path):
    def write_and_read(body):
        (tmp_path / "x.fcs").write_bytes(body)
        return read_fcs(tmp_path / "x.fcs")

    return write_and_read


def swapped(body, old, new):
    """The bytes with one word replaced by another of the same length."""
    assert len(old) == len(new)
    assert old in body
    return body.replace(old, new, 1)


@pytest.mark.parametrize("version", ["2.0", "3.0", "3.1"])
@pytest.mark.parametrize("dtype", [">f4", "<f4", "<f8", ">f8"])
@pytest.mark.parametrize("offsets", [True, False])
def test_values_and_names_are_read_as_written(read, version, dtype, offsets):
    events = read(fcs(VALUES, CHANNELS, MARKERS, dtype=dtype, version=version, offsets=offsets) + b"\n")
    assert np.array_equal(events.values, VALUES)
    assert events.values.dtype == np.float64
    assert events.channels == tuple(CHANNELS)
    assert events.markers == tuple(MARKERS)


def test_whole_numbers_are_read(read):
    values = np.arange(12).reshape(3, 4)
    assert np.array_equal(read(fcs(values, CHANNELS, dtype="<u2")).values, values)


def test_gain_and_logarithmic_scale_are_undone(read):
    events = read(fcs(VALUES, CHANNELS, p2g="4", p3e="4,1", p3r="1024"))
    assert np.allclose(events.values[:, 1], VALUES[:, 1] / 4)
    assert np.allclose(events.values[:, 2], 10 ** (4 * VALUES[:, 2].astype(float) / 1024))
    assert np.array_equal(events.values[:, [0, 3]], VALUES[:, [0, 3]])


def test_keywords_in_other_alphabets_are_accepted(read):
    assert np.array_equal(read(fcs(VALUES, CHANNELS, fil="stim\xc9")).values, VALUES)


WHOLE = fcs(VALUES, CHANNELS, MARKERS)
LAST = f"{len(WHOLE) - 1:8d}".encode()
DAMAGED = {
    "empty": (b"", r"not an FCS file \(first bytes: b''\)"),
    "another kind": (b"\x89PNG\r\n\x1a\n" + bytes(100), "not an FCS file"),
    "only a name": (WHOLE[:40], "truncated: 40 bytes, fewer than the 58 of the header"),
    "cut in the text": (WHOLE[:200], rf"truncated: the header refers to byte {len(WHOLE) - 1}, but there are 200"),
    "cut by a byte": (WHOLE[:-1], f"truncated: the header refers to byte {len(WHOLE) - 1}"),
    "header without a number": (
        swapped(WHOLE, b"      58", b"     0x3"),
        "broken header: the offset where the text begins",
    ),
    "text before its place": (swapped(WHOLE, b"      58", b"       7"), "broken header: text from byte 7 to "),
    "no number of cells": (fcs(VALUES, CHANNELS, drop=["TOT"]), r"lacks the keyword \$TOT$"),
    "no type": (fcs(VALUES, CHANNELS, drop=["DATATYPE"]), r"lacks the keyword \$DATATYPE$"),
    "no range": (fcs(VALUES, CHANNELS, drop=["P2R"]), r"lacks the keyword \$P2R$"),
    "more cells stated": (
        fcs(VALUES, CHANNELS, tot="21"),
        "21 cells of 4 channels are stated, but there are 80 values",
    ),
    "fewer cells stated": (
        fcs(VALUES, CHANNELS, tot="19"),
        "19 cells of 4 channels are stated, but there are 80 values",
    ),
    "more channels stated": (fcs(VALUES, CHANNELS, par="5"), r"5 channels are stated \(\$PAR\), 4 are named"),
    "a channel without a name": (
        fcs(VALUES, CHANNELS, drop=["P4N"]),
        r"4 channels are stated \(\$PAR\), 3 are named",
    ),
    "cells are no number": (fcs(VALUES, CHANNELS, tot="many"), "cannot be read as FCS: .*many"),
    "a byte order of the PDP-11": (fcs(VALUES, CHANNELS, byteord="3,4,1,2"), "cannot be read as FCS: .*byte order"),
    "histograms": (fcs(VALUES, CHANNELS, mode="u"), "cannot be read as FCS: "),
    "text against header": (
        swapped(WHOLE, b"ENDDATA/" + LAST, b"ENDDATA/" + f"{len(WHOLE) - 5:8d}".encode()),
        "cannot be read as FCS: the file has a discrepancy in the DATA end",
    ),
    "several data sets": (fcs(VALUES, CHANNELS, nextdata="5000"), "cannot be read as FCS: the file contains multiple"),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damage_is_one_error_with_file_and_reason(read, kind):
    body, message = DAMAGED[kind]
    with pytest.raises(DataError, match=r"x\.fcs: .*" + message) as caught:
        read(body)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_an_error_that_names_it(tmp_path):
    with pytest.raises(DataError, match=r"none\.fcs: cannot be read: No such file"):
        read_fcs(tmp_path / "none.fcs")


def test_damage_of_any_kind_never_gives_another_error(read):
    """400 files with bytes overwritten or truncated; some are still read, since not every byte of the text matters."""
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(400):
        body = bytearray(WHOLE)
        for place in rng.integers(0, len(WHOLE) - len(VALUES) * 16, rng.integers(1, 6)):
            body[place] = rng.integers(0, 256)
        cut = rng.integers(0, len(body)) if rng.random() < 0.3 else len(body)
        try:
            events = read(bytes(body[:cut]))
        except DataError:
            refused += 1
        else:
            assert events.values.shape[1] == len(events.channels) == len(events.markers)
    assert 200 < refused < 400


def test_columns_are_selected_by_marker_or_channel_in_the_given_order(read):
    events = read(WHOLE)
    assert np.array_equal(take(events, ["T cells", "(Cd112)Di", "CD3"], "x"), VALUES[:, [3, 1, 3]])


def test_all_missing_or_ambiguous_markers_are_listed(read):
    with pytest.raises(DataError) as caught:
        take(read(WHOLE), ["CD14", "CD3", "CD8"], "x.fcs")
    assert str(caught.value) == (
        "x.fcs: the file read is not the one expected\n  'CD14': number of channels: 2\n  'CD8': number of channels: 0"
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_an_error_only_in_selected_columns(read, value):
    values = VALUES.copy()
    values[3, 0] = value
    events = read(fcs(values, CHANNELS, MARKERS))
    assert np.array_equal(take(events, ["CD3"], "x"), VALUES[:, [3]])
    with pytest.raises(DataError, match="not finite"):
        take(events, ["Time", "CD3"], "x")


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("plugin", "dtype", "start", "shape"),
    [
        (thymus_panels, "<f8", 1024, (25000, 13)),
        (cytof_panels, ">f4", 4096, (15942, 53)),
        (cytonorm_replicates, ">f4", 5599, (1000, 55)),
    ],
)
def test_real_files_equal_their_raw_bytes(fetched, plugin, dtype, start, shape):
    """Without the time channel, which is scaled by $TIMESTEP."""
    path = sorted(fetched(plugin).glob("*.fcs"))[0]
    events, body = read_fcs(path), path.read_bytes()
    plain = np.frombuffer(body, dtype, shape[0] * shape[1], start).reshape(shape)
    assert events.values.shape == shape
    assert np.array_equal(events.values[:, 1:], plain[:, 1:])
