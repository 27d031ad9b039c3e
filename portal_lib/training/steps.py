"""Default length of a training."""

SMALL_DATA = 20_000


def default_training_steps(n_cells: int) -> int:
    """Steps per round by the published rule: 1000 for fewer than 20,000 cells of all batches together, else 2000."""
    return 1000 if n_cells < SMALL_DATA else 2000
