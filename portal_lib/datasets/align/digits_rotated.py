"""Small handwritten 3s and 7s and their rotations, with one known pair; needs no files."""

from portal_lib.datasets.align._images import Pairs, rotated_domains

DATASET = {
    "label": "Rotated digits, 8 × 8",
    "shares": "_images",
    # With a discriminator of the published size, training collapses one class onto the other.
    "defaults": {"training_steps": 1000, "hidden_d": [100, 50], "lambda_corr": 10.0, "lambda_rec": 10.0},
    "citation": "Alpaydin & Kaynak 1998, UCI Optical Recognition of Handwritten Digits, doi:10.24432/C50P49 "
    "(test part, as in scikit-learn); task of Amodio & Krishnaswamy, ICML 2018, arXiv 1803.00385, section 4.2",
    "licence": "CC BY 4.0",
}


def load(folder=None, *, angle=120.0, disjoint=False, n_pairs=1, n_draws=100, pair_digit="3", seed=0):
    """Load 183 threes and 179 sevens of 8 × 8 pixels, and rotate them.

    Parameters
    ----------
    folder
        Not used: the images come with scikit-learn.
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
        There are fewer candidates than pairs.
    """
    import numpy as np
    from sklearn.datasets import load_digits

    images, digits = load_digits(return_X_y=True)
    chosen = np.isin(digits, (3, 7))
    images = images[chosen].reshape(-1, 8, 8) / 16
    pairs = Pairs(pair_digit, n_pairs, n_draws)
    return rotated_domains(images, digits[chosen].astype(str), angle=angle, disjoint=disjoint, pairs=pairs, seed=seed)
