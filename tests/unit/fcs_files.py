"""FCS files written byte by byte, following the standard."""

import numpy as np


def fcs(values, channels, markers=None, *, dtype=">f4", version="3.0", offsets=True, drop=(), **keywords):
    """An FCS file; `keywords` (``par="3"``) override correct values, `drop` omits keywords."""
    values = np.asarray(values)
    data = values.astype(dtype).tobytes()
    text = {
        "MODE": "L",
        "NEXTDATA": "0",
        "BYTEORD": "4,3,2,1" if dtype[0] == ">" else "1,2,3,4",
        "DATATYPE": {"f4": "F", "f8": "D", "u2": "I"}[dtype[1:]],
        "TOT": str(len(values)),
        "PAR": str(values.shape[1]),
    }
    for i, channel in enumerate(channels):
        text |= {
            f"P{i + 1}N": channel,
            f"P{i + 1}B": str(8 * int(dtype[2:])),
            f"P{i + 1}E": "0,0",
            f"P{i + 1}R": "65536",
        }
        text |= {f"P{i + 1}S": markers[i]} if markers and markers[i] else {}
    text |= {name.upper(): value for name, value in keywords.items()}
    text = {name: value for name, value in text.items() if name not in drop}
    start = 58
    body = _text(text | ({"BEGINDATA": "0" * 8, "ENDDATA": "0" * 8} if offsets else {}))
    first = start + len(body)
    last = first + len(data) - 1
    if offsets:
        body = _text(text | {"BEGINDATA": f"{first:8d}", "ENDDATA": f"{last:8d}"})
    places = (start, first - 1, first, last, 0, 0)
    return f"FCS{version}    ".encode() + "".join(f"{place:8d}" for place in places).encode() + body + data


def _text(keywords):
    return ("/" + "".join(f"${name}/{value}/" for name, value in keywords.items())).encode("latin-1")
