"""Benchmark of single-cell data integration and alignment. `snakemake --list` lists the targets."""

import os
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.16")

# The folder of this file, also where another workflow uses it as a module.
ROOT = Path(str(workflow.current_basedir))
sys.path.insert(0, str(ROOT))


configfile: os.path.relpath(ROOT / "config" / "config.yaml")


include: "rules/common.smk"
include: "rules/fetch.smk"
include: "rules/subsample.smk"
include: "rules/prepare.smk"
include: "rules/integrate.smk"
include: "rules/score.smk"
include: "rules/align.smk"
include: "rules/gather.smk"
include: "rules/hand_back.smk"
include: "rules/report.smk"
include: "rules/scaling.smk"


rule all:
    "Everything: tables, figures and report.html."
    default_target: True
    input:
        rules.gather.output,
        published_table(),
        rules.report_texts.output,
        FIGURES,
        rules.report.output,


rule tables:
    "Scores, summary and resources of all runs, and published numbers next to ours."
    input:
        rules.gather.output,
        published_table(),


rule figures:
    "All figures of the run."
    input:
        FIGURES,


rule integrated:
    "Every data set to integrate as it was given, with the embeddings, and the graph and UMAP of the best method, as h5ad."
    input:
        [f"{OUT}/integrated/{name}.h5ad" for name in RUN.of_task("integrate")],


rule scaling:
    "Time and memory against the number of cells: tables, fitted exponents, figures. No scores."
    input:
        rules.gather_scaling.output,
        SCALING_FIGURES,
