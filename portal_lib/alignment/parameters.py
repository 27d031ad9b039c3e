"""Parameters of alignment: default, bounds and description of each. Imports neither torch nor numpy."""

import dataclasses
import numbers
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from portal_lib._parameters import checked, parameter
from portal_lib.portal.parameters import PortalParameters


def redefined(parameters: type, name: str, **default: Any) -> Any:
    """The definition of a parameter of another dataclass, as a field.

    Parameters
    ----------
    parameters, name
        The other dataclass, and the parameter in it.
    default
        Another default, as the keyword ``default``.
    """
    field = next(field for field in dataclasses.fields(parameters) if field.name == name)
    return dataclasses.field(default=default.get("default", field.default), metadata=field.metadata)


@dataclass(frozen=True, kw_only=True)
class TrainingParameters:
    """The training of every method."""

    training_steps: int | None = parameter(
        2000,
        ["integer", "null"],
        "Steps of the training, each with one batch per domain. The MAGAN paper uses 100,000; simulated data need "
        "500, mass cytometry 2,000 to 4,000.",
        unset="2000, or 1000 for fewer than 20,000 cells",
        minimum=1,
    )
    batch_size: int = parameter(
        256, "integer", "Cells of each domain per step, drawn with replacement; a domain may have fewer.", minimum=1
    )
    seed: int = redefined(PortalParameters, "seed")
    device: str = redefined(PortalParameters, "device")
    precision: str = redefined(PortalParameters, "precision")
    log_every: int = parameter(
        10, "integer", "Steps between two rows of the history; the last step is always recorded.", minimum=1
    )


class CheckedParameters:
    """Base of dataclasses of parameters: checks all values when it is made, and stores plain values and tuples."""

    name: ClassVar[str]

    def __post_init__(self):
        parameters: type = type(self)
        given = {field.name: getattr(self, field.name) for field in dataclasses.fields(parameters) if field.metadata}
        for name, value in checked(parameters, given, self.name, self._problems()).items():
            object.__setattr__(self, name, tuple(value) if isinstance(value, list) else value)

    def _problems(self) -> Iterator[str]:
        """Problems beyond the bounds of each parameter, one sentence each."""
        yield from ()


@dataclass(frozen=True, kw_only=True)
class DualGANParameters(CheckedParameters):
    """Parameters of every dual GAN."""

    lambda_rec: float = parameter(1.0, "number", "Weight of the reconstruction terms.", minimum=0, metavar="W")
    augment_reconstructions: bool = parameter(
        False, "boolean", "Show reconstructions to the discriminators as real cells (manifold data augmentation)."
    )
    augment_start: int | None = parameter(
        None,
        ["integer", "null"],
        "First step with this augmentation, 0 in the paper. Early reconstructions are poor and can lead to collapse.",
        unset="half of the training",
        minimum=0,
    )
    hidden_g: tuple[int, ...] = parameter(
        (200, 100, 50),
        "array",
        "Units of the hidden layers of each dense generator.",
        items={"type": "integer", "minimum": 1},
    )
    hidden_d: tuple[int, ...] = parameter(
        (800, 400, 200, 100, 50),
        "array",
        "Units of the hidden layers of each dense discriminator.",
        items={"type": "integer", "minimum": 1},
    )
    image: tuple[int, int] | None = parameter(
        None,
        ["array", "null"],
        "Height and width, divisible by 4, where the features of both domains are pixels, row by row: the networks are "
        "then convolutional, and hidden_g and hidden_d have no effect.",
        items={"type": "integer", "minimum": 4},
    )
    leak: float = parameter(0.2, "number", "Slope of Leaky ReLU below 0.", minimum=0)
    learning_rate: float = redefined(PortalParameters, "learning_rate")
    betas: tuple[float, float] = parameter(
        (0.5, 0.99),
        "array",
        "Decay rates of both Adam optimisers.",
        items={"type": "number", "minimum": 0, "exclusiveMaximum": 1},
    )

    name: ClassVar[str] = "dual GAN"

    def _problems(self) -> Iterator[str]:
        for name in ("image", "betas"):
            value = getattr(self, name)
            if isinstance(value, list | tuple) and len(value) != 2:
                yield f"{name} is {value!r}; it must have two numbers."
        if isinstance(self.image, list | tuple) and any(
            isinstance(side, numbers.Integral) and side % 4 for side in self.image
        ):
            yield f"image is {self.image!r}; height and width must be divisible by 4."


@dataclass(frozen=True, kw_only=True)
class MaganParameters(DualGANParameters):
    """Parameters of MAGAN, without the correspondence."""

    lambda_corr: float = parameter(
        1.0,
        "number",
        "Weight of the correspondence terms, 1 in the paper; 0 for a dual GAN without correspondence.",
        minimum=0,
        metavar="W",
    )
    pair_reduction: str = parameter(
        "sum",
        "string",
        "Errors of known pairs are summed, as in the paper, or averaged: the sum of ten pairs weighs ten times as much "
        "as their mean.",
        enum=["sum", "mean"],
    )
    augment_reconstructions: bool = redefined(DualGANParameters, "augment_reconstructions", default=True)


@dataclass(frozen=True, kw_only=True)
class CycleGanParameters(DualGANParameters):
    """Parameters of CycleGAN."""

    lambda_rec: float = redefined(DualGANParameters, "lambda_rec", default=10.0)
    gan_form: str = parameter(
        "least_squares",
        "string",
        "Loss of the logits: least squares as published, or cross-entropy.",
        enum=["least_squares", "cross_entropy"],
    )
