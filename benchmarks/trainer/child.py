"""One measurement in its own process: ``python -m benchmarks.trainer.child TASK OUTCOME``.

TASK is JSON, OUTCOME the file for the measurements, or the reason for their absence.
"""

import importlib
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.trainer import machine, mixture, published, rates
from portal_lib.errors import NotApplicable, PortalLibError
from portal_lib.training.device import resolve_device
from portal_lib.training.inference import latent, translate
from portal_lib.training.objectives.portal import Portal
from portal_lib.training.trainer import fit

# A pair is one training of few steps and one of many: what they differ in is steps alone.
PAIRS = 3
FEWEST = 20


class Ours:
    """Our trainer, through its API."""

    def __init__(self, task: dict, device: torch.device):
        self._settings = {"seed": task["seed"], "device": str(device), "precision": task["precision"]}

    def train(self, x_a, x_b, steps: int) -> None:
        """Everything that `fit` does."""
        self._trained = fit(Portal(), x_a, x_b, steps=steps, progress=False, **self._settings)

    def infer(self, x_a, x_b) -> None:
        """Encode all cells."""
        networks = self._trained.networks
        self._latent = latent(networks, x_a, domain="a"), latent(networks, x_b, domain="b")

    def also_translate(self, x_a, x_b) -> None:
        """Map all cells into the other domain, as the published inference does in addition to encoding."""
        networks = self._trained.networks
        self._translated = translate(networks, x_a, source="a"), translate(networks, x_b, source="b")

    @property
    def precision(self) -> str:
        """Of the matrix products that were trained with."""
        return self._trained.precision


class Published:
    """The published package, through its API."""

    precision = "float32"

    def __init__(self, task: dict, device: torch.device):
        self._package = published.import_package(task["folder"])
        self._settings = {"seed": task["seed"], "checkpoints": task["work"]}
        self._device = device

    def train(self, x_a, x_b, steps: int) -> None:
        """Everything that its `train` does, including its checkpoint."""
        self._model = published.train(self._package, x_a, x_b, steps=steps, **self._settings)
        assert self._model.device.type == self._device.type

    def infer(self, x_a, x_b) -> None:
        """Encode and translate all cells: it does both in one go."""
        published.infer(self._model)


LOOPS = {"ours": Ours, "published": Published}


def measure_loop(task: dict) -> dict:
    """Time, memory and rates of one training loop.

    Parameters
    ----------
    task
        ``loop``, ``cells``, ``steps``, ``seed``, ``threads``, ``device``; ``precision`` for ours; ``folder`` for the
        published one, and ``work``, a folder to write to.

    Returns
    -------
    ``step_ms``: median over three pairs of trainings of what a further step costs, and ``step_ms_of_pairs``;
    ``run_ms_per_step``: of the longer training, all that is done once included; ``once_s``: what is done once;
    ``latent_s``, ``translate_s``: inference of all cells (None where the loop does not tell them apart), and
    ``inference_s``: both. Memory, MiB: ``components_mib``, ``before_mib`` (before the components were made), and peaks
    above that: ``train_mib``, ``peak_mib`` (with inference); ``gpu_mib``. ``precision``; ``rates``; ``others_cores``.
    """
    device = resolve_device(task["device"])
    loop = LOOPS[task["loop"]](task, device)
    machine.forget_peak()
    before, x_a, x_b = _components(task)
    with machine.Others() as others:
        row = _time_steps(lambda steps: loop.train(x_a, x_b, steps), task["steps"], device)
        trained = machine.peak_mib()
        first = _seconds(lambda: loop.infer(x_a, x_b), device)
        peak = machine.peak_mib()
        second = _seconds(lambda: loop.also_translate(x_a, x_b), device) if hasattr(loop, "also_translate") else None
    row |= {"latent_s": first, "translate_s": second} if second else {"latent_s": None, "translate_s": None}
    row |= {"inference_s": first + (second or 0), "others_cores": others.cores, "precision": loop.precision}
    row |= _memory(before, {"train_mib": trained, "peak_mib": peak}, x_a.nbytes + x_b.nbytes)
    if device.type == "cuda":
        row["gpu_mib"] = torch.cuda.max_memory_reserved(device) / machine.MIB
    return row | {"device": device.type, "rates": rates.measure_rates(device)}


def measure_harmony(task: dict) -> dict:
    """Wall time and memory of Harmony on the same cells; it works on the CPU, in float64.

    Raises
    ------
    NotApplicable
        It is not installed.
    """
    try:
        harmony = importlib.import_module("harmonypy")
    except ModuleNotFoundError:
        raise NotApplicable("package 'harmonypy' is not installed") from None
    pandas = importlib.import_module("pandas")
    machine.forget_peak()
    before, x_a, x_b = _components(task)
    size, x = x_a.nbytes + x_b.nbytes, np.concatenate((x_a, x_b)).astype(np.float64)
    batch = pandas.DataFrame({"batch": np.repeat(["a", "b"], [len(x_a), len(x_b)])})
    del x_a, x_b
    settings = {"random_state": task["seed"], "ncores": task["threads"], "verbose": False}
    with machine.Others() as others:
        seconds = _seconds(lambda: harmony.run_harmony(x.T, batch, "batch", **settings), torch.device("cpu"))
    row = _memory(before, {"peak_mib": machine.peak_mib()}, size)
    return row | {"wall_s": seconds, "others_cores": others.cores, "device": "cpu"}


def _components(task):
    before = machine.peak_mib()
    return before, *mixture.make_cells(task["cells"], task["seed"])


def _memory(before, peaks, components) -> dict:
    """Peaks above the memory of the process before the components were created."""
    above = {name: None if before is None else peak - before for name, peak in peaks.items()}
    return above | {"before_mib": before, "components_mib": components / machine.MIB}


def _time_steps(train: Callable[[int], None], steps: int, device) -> dict:
    few = max(FEWEST, steps // 10)
    train(few)
    pairs = [[_seconds(lambda n=n: train(n), device) for n in (few, few + steps)] for _ in range(PAIRS)]
    each = [(long - short) / steps for short, long in pairs]
    step, long = statistics.median(each), statistics.median(pair[1] for pair in pairs)
    if step <= 0:
        raise NotApplicable("the machine was too busy: more steps took no longer than fewer. Raise --steps, or wait.")
    return {
        "step_ms": 1e3 * step,
        "step_ms_of_pairs": [1e3 * seconds for seconds in each],
        "run_ms_per_step": 1e3 * long / (few + steps),
        "once_s": max(0.0, long - (few + steps) * step),
        "steps": [few, few + steps],
    }


def _seconds(run, device) -> float:
    rates.synchronize(device)
    start = time.perf_counter()
    run()
    rates.synchronize(device)
    return time.perf_counter() - start


def main(task: str, outcome: str) -> None:
    """Measure and write the outcome; an error that a user can act on is written as its reason."""
    task = json.loads(task)
    torch.set_num_threads(task["threads"])
    row = {"load": machine.load_average(), "torch": torch.__version__, "threads": torch.get_num_threads()}
    try:
        row |= measure_harmony(task) if task["loop"] == "harmony" else measure_loop(task)
    except PortalLibError as error:
        row["reason"] = str(error)
    except (MemoryError, torch.OutOfMemoryError) as error:
        row["reason"] = f"out of memory: {error}".partition("\n")[0]
    Path(outcome).write_text(json.dumps(row))


if __name__ == "__main__":
    main(*sys.argv[1:])
