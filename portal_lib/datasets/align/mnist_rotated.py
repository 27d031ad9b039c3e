"""Handwritten 3s and 7s and the same images rotated by 120 degrees, with one known pair."""

from portal_lib.datasets.align._images import Pairs, read_idx, rotated_domains
from portal_lib.errors import DataError

DATASET = {
    "label": "Rotated MNIST",
    "shares": "_images",
    "files": [
        {
            "name": "t10k-images-idx3-ubyte.gz",
            "url": "https://raw.githubusercontent.com/fgnt/mnist/ae608a02b796c9ee908c082585a5f006fe05258e/"
            "t10k-images-idx3-ubyte.gz",
            "sha256": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "bytes": 1648877,
            "licence": "not stated in the repository",
        },
        {
            "name": "t10k-labels-idx1-ubyte.gz",
            "url": "https://raw.githubusercontent.com/fgnt/mnist/ae608a02b796c9ee908c082585a5f006fe05258e/"
            "t10k-labels-idx1-ubyte.gz",
            "sha256": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            "bytes": 4542,
            "licence": "not stated in the repository",
        },
    ],
    # With a discriminator of the published size, training collapses one class onto the other.
    "defaults": {"training_steps": 2000, "hidden_d": [100, 50], "lambda_corr": 10.0, "lambda_rec": 10.0},
    "citation": "LeCun et al. 1998, Proceedings of the IEEE 86:2278, doi:10.1109/5.726791; task of Amodio & "
    "Krishnaswamy, ICML 2018, arXiv 1803.00385, section 4.2",
    "licence": "not stated in the repository",
}


def load(folder, *, angle=120.0, disjoint=False, n_pairs=1, n_draws=100, pair_digit="3", seed=0):
    """Load the 1,010 threes and 1,028 sevens of the test images, and rotate them.

    Parameters
    ----------
    folder
        Folder that contains the files of ``DATASET["files"]``.
    angle
        Degrees, counter-clockwise.
    disjoint
        Whether each domain has its own half of the images.
    n_pairs, n_draws, pair_digit
        Known pairs per run, number of draws of them, and their digit.
    seed
        Same seed, same bytes.

    Returns
    -------
    Domains and Truth from :func:`portal_lib.datasets.align._images.rotated_domains`; pixels in [0, 1].

    Raises
    ------
    DataError
        A file is not the expected one, or there are fewer candidates than pairs.

    References
    ----------
    Amodio and Krishnaswamy, ICML 2018, arXiv 1803.00385, section 4.2. Subset, scale and direction of rotation are not
    stated there.
    """
    import numpy as np

    names = [file["name"] for file in DATASET["files"]]
    images, digits = (read_idx(folder, name, axes) for name, axes in zip(names, (3, 1), strict=True))
    if len(images) != len(digits):
        raise DataError(f"{folder}: {len(images)} images in {names[0]}, but {len(digits)} labels in {names[1]}")
    chosen = np.isin(digits, (3, 7))
    pairs = Pairs(pair_digit, n_pairs, n_draws)
    labels = digits[chosen].astype(str)
    return rotated_domains(images[chosen] / 255, labels, angle=angle, disjoint=disjoint, pairs=pairs, seed=seed)
