"""The floor: operations and bytes of one training step of Portal, counted from the equations.

Only matrix products are counted. Everything else (activations, losses, the update of the weights) is about a hundredth
of the operations; the traffic of the update is counted in the bytes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import prod

# Rows, inner dimension and columns of a product.
Product = tuple[int, int, int]

# Adam reads a weight, its gradient and two moments, and writes the weight and the moments; before that the gradient
# was written.
_PASSES_OF_ADAM = 8
_FLOAT32 = 4


@dataclass(frozen=True)
class Widths:
    """Units per layer of the three networks, of which each domain has one, and cells of each domain per step."""

    encoder: tuple[int, ...] = (30, 512, 20)
    generator: tuple[int, ...] = (20, 512, 30)
    discriminator: tuple[int, ...] = (30, 512, 512, 1)
    batch_size: int = 500

    @property
    def n_weights(self) -> int:
        """Weights and biases of all six networks."""
        networks = (self.encoder, self.generator, self.discriminator)
        return 2 * sum((n_in + 1) * n_out for widths in networks for n_in, n_out in pairwise(widths))


@dataclass(frozen=True)
class Work:
    """Of one step: floating-point operations of its products, and bytes that it moves where no cache holds them.

    Notes
    -----
    A product of (m, k) and (k, n) is 2 m k n operations; it reads both once and writes the result once. For Adam
    weights and gradients are float32, whatever the products are taken in.
    """

    operations: int
    bytes: int


def ours(widths: Widths = Widths(), item_bytes: int = _FLOAT32) -> Work:
    """A step that computes what is used and nothing else.

    Parameters
    ----------
    widths
        Of the networks and the batch.
    item_bytes
        Bytes of a number in a product: 4 for float32, 2 for bfloat16.

    Notes
    -----
    Per domain, with n cells: E(x), G on n reconstructed and n translated cells, E again on the translated. The
    discriminator step scores n real and n translated cells, and needs the gradients of D's weights, not of its input.
    The generator step scores the n translated cells by the new D and needs the gradient of D's input, not of its
    weights; then all gradients of the second E and of G, and of the first E all but that of its input.
    """
    return _work(_needed(widths), widths, item_bytes)


def published(widths: Widths = Widths(), item_bytes: int = _FLOAT32) -> Work:
    """A step of the published loop. Parameters are those of :func:`ours`.

    Notes
    -----
    As :func:`ours`, and what it computes and wipes: the gradient of the discriminators' loss through the translated
    cells into G and E, and the gradients of D's weights in the generator step.
    """
    return _work([*_needed(widths), *_wiped(widths)], widths, item_bytes)


def _needed(widths) -> list[Product]:
    """Products of one domain that a step needs."""
    e, g, d, n = widths.encoder, widths.generator, widths.discriminator, widths.batch_size
    forward = [*_forward(e, n), *_forward(g, 2 * n), *_forward(e, n)]
    discriminator = [*_forward(d, 2 * n), *_to_weights(d, 2 * n), *_to_input(d[1:], 2 * n)]
    judged = [*_forward(d, n), *_to_input(d, n), *_to_weights(e, n), *_to_input(e, n)]
    return [*forward, *discriminator, *judged, *_through_generator(e, g, n, 2 * n)]


def _wiped(widths) -> list[Product]:
    """Products of one domain whose results are not used."""
    e, g, d, n = widths.encoder, widths.generator, widths.discriminator, widths.batch_size
    return [*_to_input(d[:2], n), *_through_generator(e, g, n, n), *_to_weights(d, n)]


def _through_generator(e, g, n, rows):
    """Back through G on this many rows, then through the first E, whose input needs no gradient."""
    return [*_to_weights(g, rows), *_to_input(g, rows), *_to_weights(e, n), *_to_input(e[1:], n)]


def _forward(widths, rows) -> Iterator[Product]:
    """X W of every layer."""
    return ((rows, n_in, n_out) for n_in, n_out in pairwise(widths))


def _to_weights(widths, rows) -> Iterator[Product]:
    """X' dY of every layer."""
    return ((n_in, rows, n_out) for n_in, n_out in pairwise(widths))


def _to_input(widths, rows) -> Iterator[Product]:
    """DY W' of every layer."""
    return ((rows, n_out, n_in) for n_in, n_out in pairwise(widths))


def _work(products: Iterable[Product], widths, item_bytes) -> Work:
    """Both domains together."""
    products = list(products)
    operations = 2 * sum(2 * prod(product) for product in products)
    numbers = 2 * sum(m * k + k * n + m * n for m, k, n in products)
    return Work(operations, numbers * item_bytes + _adam_bytes(widths))


def _adam_bytes(widths):
    return _PASSES_OF_ADAM * _FLOAT32 * widths.n_weights
