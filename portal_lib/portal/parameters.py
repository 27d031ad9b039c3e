"""The parameters of Portal: default, bounds and description of each. Imports neither torch nor numpy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portal_lib._parameters import checked, parameter

PRECISIONS = ("auto", "bfloat16", "float32", "float64")


@dataclass(frozen=True)
class PortalParameters:
    """Parameters of :class:`portal_lib.PortalModel`, the command line and the benchmark's method ``portal``."""

    lambda_cos: float | Sequence[float] | str = parameter(
        20.0,
        ["number", "array", "string"],
        "Weight of the cosine term, which the paper tunes in [15, 50]; a list has one value per round (each round adds "
        "one batch); 'search' tries the values of lambda_grid in each round and keeps the one that mixes batches best.",
        minimum=0,
        items={"type": "number", "minimum": 0},
        pattern="^search$",
        metavar="W",
    )
    lambda_grid: Sequence[float] | None = parameter(
        None,
        ["array", "null"],
        "Values that a search of lambda_cos tries.",
        unset="15, 20, ..., 50",
        items={"type": "number", "minimum": 0},
        uniqueItems=True,
        metavar="W,W,...",
    )
    training_steps: int | None = parameter(
        None,
        ["integer", "null"],
        "Steps per round.",
        unset="2000, or 1000 for fewer than 20,000 cells",
        minimum=1,
    )
    batch_size: int = parameter(
        500, "integer", "Cells of each batch per step, drawn with replacement; a batch may have fewer.", minimum=1
    )
    n_latent: int = parameter(20, "integer", "Dimensions of the latent space.", minimum=1)
    n_pcs: int = parameter(
        30,
        "integer",
        "Principal components: computed from counts (fewer where the data allow fewer), or the leading ones of given "
        "components.",
        minimum=1,
    )
    n_top_genes: int = parameter(
        4000,
        "integer",
        "Highly variable genes per batch, when counts are given. The batches must share 100 or more of them.",
        minimum=1,
    )
    margin: float = parameter(
        5.0,
        "number",
        "Discriminator logits beyond ±margin give no gradient, so cells without a counterpart stay where they are.",
        minimum=0,
    )
    lambda_ae: float = parameter(10.0, "number", "Weight of the autoencoder term.", minimum=0, metavar="W")
    lambda_la: float = parameter(10.0, "number", "Weight of the latent-alignment term.", minimum=0, metavar="W")
    learning_rate: float = parameter(0.001, "number", "Learning rate of both Adam optimisers.", exclusiveMinimum=0)
    space: str | None = parameter(
        None,
        ["string", "null"],
        "Space of the result: 'latent' (n_latent dimensions) or 'reference', the components of the first batch, whose "
        "own cells keep their coordinates.",
        unset="as in the paper, latent for two batches, reference for more",
        enum=["latent", "reference", None],
    )
    seed: int = parameter(
        0, "integer", "Seed of weights and training batches. Global random generators are not used.", minimum=0
    )
    device: str = parameter(
        "auto", "string", "'auto' (the first CUDA device, else the CPU), 'cpu', 'cuda' or 'cuda:1'."
    )
    precision: str = parameter(
        "auto",
        "string",
        "Precision of the training: 'auto' (bfloat16 matrix products where the device has them, else float32), "
        "'bfloat16', 'float32' or 'float64'.",
        enum=list(PRECISIONS),
    )


def checked_parameters(**values: Any) -> dict[str, Any]:
    """Values of some or all of the parameters as plain values.

    Parameters
    ----------
    values
        By name.

    Returns
    -------
    The same values, checked; arrays and numbers of numpy as those of Python.

    Raises
    ------
    ConfigError
        Some are out of range; the message lists all of them.
    """
    return checked(PortalParameters, values, "PortalModel", _conflicts(values))


def _conflicts(values: Mapping[str, Any]):
    lambda_cos = values.get("lambda_cos", "search")
    searched = isinstance(lambda_cos, str) and lambda_cos == "search"
    if values.get("lambda_grid") is not None and not searched:
        yield "lambda_grid is given, but nothing is searched; set lambda_cos to 'search', or leave it out."
