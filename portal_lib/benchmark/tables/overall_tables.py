"""The tables of overall scores of a benchmark, from the scores of its runs and the facts of its methods."""

from collections.abc import Mapping

import pandas as pd

from portal_lib.benchmark.tables.aggregate import summarise_overall
from portal_lib.benchmark.tables.differences import paired_differences
from portal_lib.benchmark.tables.overall import WEIGHTS, metric_ranges, overall_scores

# Of an embedding that was made elsewhere.
GIVEN_FACTS = {"control": False, "stochastic": False}


def overall_tables(
    scores: pd.DataFrame, methods: Mapping[str, Mapping], weights: Mapping[str, float] = WEIGHTS
) -> dict[str, pd.DataFrame]:
    """Make every table of overall scores.

    Parameters
    ----------
    scores
        As for :func:`portal_lib.benchmark.tables.overall.overall_scores`.
    methods
        Facts by name: control, stochastic. A variant ``name.variant`` finds those of ``name``; another name is that of
        an embedding that was made elsewhere, which is no control and has one run.
    weights
        Weights of batch and bio in overall.

    Returns
    -------
    By name: ``overall_runs``, the scores of single runs; ``overall``, their means, intervals and ranks; ``ranges``, the
    ends between which metrics were scaled; ``differences``, paired ones between methods. Ends are set by controls, not
    by their variants, so that they are the same whatever variants a configuration names.
    """
    names = sorted(scores["method"].astype(str).unique())
    facts = {name: methods.get(name.split(".")[0], GIVEN_FACTS) for name in names}
    controls = [name for name in names if facts[name]["control"]]
    fixed = [name for name in names if not facts[name]["stochastic"]]
    ends = [name for name in controls if "." not in name]
    runs = overall_scores(scores, ends, weights)
    return {
        "overall_runs": runs,
        "overall": summarise_overall(runs, controls),
        "ranges": metric_ranges(scores, ends),
        "differences": paired_differences(scores, ends, fixed, weights),
    }
