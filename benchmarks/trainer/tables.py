"""The measurements, as Markdown."""

import statistics
from collections.abc import Iterable, Sequence

from benchmarks.trainer import floor

# A full run of Portal.
FULL_STEPS = 2000


def report(facts: dict, rows: list[dict]) -> str:
    """Tables of time, memory, rates and the floor.

    Parameters
    ----------
    facts
        ``machine``, ``date``, ``command``, ``torch``, ``threads``, ``device``, ``load``, ``rounds``.
    rows
        One per child: ``label``, ``loop``, ``cells``, ``round``, and what :mod:`benchmarks.trainer.child`
        measured or the ``reason`` why not.
    """
    parts = [_header(facts), times(rows), memory(rows), rates(rows), _failures(rows)]
    return "\n\n".join(part for part in parts if part) + "\n"


def times(rows: list[dict]) -> str:
    """Per size and loop: medians over rounds, with the minimum and the maximum in brackets."""
    lines = []
    for (cells, label), measured in _grouped(rows):
        if "wall_s" in measured[0]:
            cost = ["–", "–", "–", "–", "–", _spread(measured, "wall_s", "{:.1f}")]
        else:
            ratios = ratios_to_published(rows, cells, label)
            full = [
                FULL_STEPS * r["step_ms"] / 1e3 + r["once_s"] + (r["latent_s"] or r["inference_s"]) for r in measured
            ]
            cost = [
                _spread(measured, "step_ms", "{:.2f}"),
                "–" if measured[0]["loop"] == "published" or not ratios else _range(ratios, "{:.2f}"),
                _spread(measured, "run_ms_per_step", "{:.2f}"),
                _spread(measured, "latent_s", "{:.2f}"),
                _spread(measured, "inference_s", "{:.2f}"),
                _range(full, "{:.1f}"),
            ]
        lines.append([f"{cells:,}", label, *cost, _spread(measured, "others_cores", "{:.2f}")])
    head = ["cells", "loop", "ms per step", "published ÷ this", "ms per step, all included", "latent, s"]
    head += ["latent and translation, s", f"whole run, {FULL_STEPS:,} steps and latent, s", "others, cores"]
    return "### Time\n\n" + _table(head, lines)


def ratios_to_published(rows: list[dict], cells: int, label: str) -> list[float]:
    """Published time per step over that of a loop, round by round, since the two are close in time."""
    step = {(r["label"], r["round"]): r["step_ms"] for r in rows if r["cells"] == cells and "step_ms" in r}
    rounds = [number for name, number in step if name == label]
    return [step["published", n] / step[label, n] for n in rounds if ("published", n) in step]


def memory(rows: list[dict]) -> str:
    """Peaks, and how they grow with the number of cells over what the components take."""
    lines = [
        [
            f"{cells:,}", label,
            *(_spread(measured, name, "{:.0f}") for name in ("components_mib", "train_mib", "peak_mib")),
            _range([over_components(row) for row in measured], "{:.0f}"),
            _spread(measured, "gpu_mib", "{:.0f}"),
        ]
        for (cells, label), measured in _grouped(rows)
    ]  # fmt: skip
    head = ["cells", "loop", "components, MiB", "peak after training, MiB", "peak after inference, MiB"]
    head += ["peak over the components, MiB", "GPU, MiB"]
    return "\n\n".join(["### Memory", _table(head, lines), *growth(rows)])


def over_components(row: dict) -> float | None:
    """Peak of a row beyond the components themselves, MiB."""
    return None if row.get("peak_mib") is None else row["peak_mib"] - row["components_mib"]


def growth(rows: list[dict]) -> list[str]:
    """For each loop how much more memory over the components the largest size takes than the smallest."""
    found: dict[str, dict[int, float]] = {}
    for (cells, label), measured in _grouped(rows):
        values = [value for row in measured if (value := over_components(row)) is not None]
        if values:
            found.setdefault(label, {})[cells] = statistics.median(values)
    return [
        f"From {min(sizes):,} to {max(sizes):,} cells the peak over the components grows by "
        f"{sizes[max(sizes)] - sizes[min(sizes)]:.0f} MiB ({label})."
        for label, sizes in found.items()
        if len(sizes) > 1
    ]


def rates(rows: list[dict]) -> str:
    """The best rates of the machine, and the share of them that the counted operations of a step reach."""
    measured = [row for row in rows if "rates" in row]
    if not measured:
        return ""
    machine = {name: [row["rates"][name] for row in measured if name in row["rates"]] for name in measured[0]["rates"]}
    best = {name: max(values) for name, values in machine.items() if values}
    ceilings = [
        [name, "GB/s" if name == "copy" else "GFLOP/s", _range([value / 1e9 for value in machine[name]], "{:.0f}")]
        for name in best
    ]
    lines = [_reached(cells, label, group, best) for (cells, label), group in _grouped(rows) if "rates" in group[0]]
    head = ["cells", "loop", "products in", "GFLOP per step", "GFLOP/s reached", "of the rate at its shape"]
    head += ["of the large rate", "floor by operations, ms", "MB per step", "those by copying, ms"]
    return "\n\n".join(["### Rates", _table(["measured", "unit", "median"], ceilings), _table(head, lines)])


def _reached(cells, label, group, best):
    """Operations of a step against its time and the rates of its precision."""
    count = floor.published if group[0]["loop"] == "published" else floor.ours
    kind = group[0]["precision"]
    work = count(item_bytes=2 if kind == "bfloat16" else 4)
    reached = work.operations / (1e-3 * statistics.median(row["step_ms"] for row in group))
    ceiling = best.get(f"{kind} large")
    return [
        f"{cells:,}", label, kind, f"{work.operations / 1e9:.2f}", f"{reached / 1e9:.0f}",
        f"{reached / best[f'{kind} step']:.0%}",
        f"{reached / ceiling:.0%}" if ceiling else "–",
        f"{1e3 * work.operations / ceiling:.3f}" if ceiling else "–",
        f"{work.bytes / 1e6:.0f}",
        f"{1e3 * work.bytes / best['copy']:.3f}",
    ]  # fmt: skip


def _header(facts):
    load = " ".join(map(str, facts["load"]))
    return "\n".join(
        [
            f"- Machine: {facts['machine']}",
            f"- Date: {facts['date']}",
            f"- Command: `{facts['command']}`",
            f"- torch {facts['torch']}, device {facts['device']}, {facts['threads']} threads; "
            f"load average at the start of the benchmark: {load}",
            f"- {facts['rounds']} round(s): median, with minimum and maximum in brackets",
        ]
    )


def _failures(rows):
    found = dict.fromkeys(f"- {r['cells']:,} cells, {r['label']}: {r['reason']}" for r in rows if "reason" in r)
    return "\n".join(["### Not measured", "", *found]) if found else ""


def _grouped(rows) -> Iterable[tuple[tuple[int, str], list[dict]]]:
    """Rows that were measured, by size and label, in the order in which they first came."""
    groups: dict[tuple[int, str], list[dict]] = {}
    for row in rows:
        if "reason" not in row:
            groups.setdefault((row["cells"], row["label"]), []).append(row)
    return groups.items()


def _spread(rows, name, form):
    return _range([row.get(name) for row in rows], form)


def _range(values: Sequence[float | None], form) -> str:
    """Median with the minimum and the maximum; a dash without values."""
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    middle = form.format(statistics.median(known))
    return middle if len(known) == 1 else f"{middle} ({form.format(min(known))}–{form.format(max(known))})"


def _table(head, lines):
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
