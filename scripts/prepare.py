"""Counts to principal components, by the Portal recipe."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from portal_lib.benchmark import registry
from portal_lib.benchmark.scripting import logged
from portal_lib.datasets._checks import check_expected
from portal_lib.preparation.files import read_h5ad, write_h5ad_atomic
from portal_lib.preparation.recipe import prepare


def main(*, dataset: dict, entry: str, folder: str, prepared: str, settings: dict) -> None:
    """Read a data set of the registry, or an h5ad of the user's, and prepare it."""
    where = dataset["path"] or dataset["id"]
    if dataset["path"]:
        counts = read_h5ad(dataset["path"], layer=dataset["layer"], entry=entry)
        keys = {"batch_key": dataset["batch"], "label_key": dataset["label"], "batches": None}
    else:
        facts = registry.find("datasets")[dataset["name"]]
        counts = registry.load("datasets", dataset["name"]).load(Path(folder), **dataset["params"])
        check_expected(counts, facts)
        keys = {key: facts[key] for key in ("batch_key", "label_key", "batches")}
    write_h5ad_atomic(prepare(counts, **keys, **settings, where=where, entry=entry), Path(prepared))


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            dataset=snakemake.params.dataset,
            entry=snakemake.config["entries"][snakemake.wildcards.dataset],
            folder=snakemake.params.folder,
            prepared=snakemake.output.prepared,
            settings=snakemake.params.settings,
        )
