"""One data set as it was given, with what the methods made of it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from portal_lib.benchmark.data.hand_back import hand_back
from portal_lib.benchmark.script_logging import files_of, logged, paths_of


def main(*, dataset: dict, source: str | list[str], files: dict, run: str, controls: list[str]) -> None:
    """Write the object with embeddings, and the graph and UMAP of the best method."""
    hand_back(dataset, paths_of(source), **files | {"run": run, "controls": controls})


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        files = files_of(snakemake.input, snakemake.output)
        del files["source"]
        main(
            dataset=snakemake.params.dataset,
            source=snakemake.params.source,
            files=files,
            run=snakemake.params.run,
            controls=snakemake.params.controls,
        )
