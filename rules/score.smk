"""The metrics of every run, and its UMAP.

INPUTS   results/{dataset}/prepared.h5ad, results/{dataset}/{method}/seed{seed}/result.h5ad, run.json
OUTPUTS  results/{dataset}/{method}/seed{seed}/scores.tsv, scored.json, neighbors.npz, umap.tsv
"""


rule score:
    "Compute all metrics of one run; for large data, on a sample of the cells."
    input:
        prepared="results/{dataset}/prepared.h5ad",
        result="results/{dataset}/{method}/seed{seed}/result.h5ad",
        record="results/{dataset}/{method}/seed{seed}/run.json",
        code=score_code,
    output:
        scores="results/{dataset}/{method}/seed{seed}/scores.tsv",
        scored="results/{dataset}/{method}/seed{seed}/scored.json",
        graph="results/{dataset}/{method}/seed{seed}/neighbors.npz",
    log:
        "results/{dataset}/{method}/seed{seed}/score.log",
    benchmark:
        "results/{dataset}/{method}/seed{seed}/score.benchmark.tsv"
    wildcard_constraints:
        dataset=names_of("integrate"),
    conda:
        "../envs/scanpy.yaml"
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        task="integrate",
        metrics=metrics_of,
        options=score_options,
    script:
        "../scripts/score.py"


rule umap:
    "UMAP of one run, from the neighbours that its metrics used."
    input:
        result="results/{dataset}/{method}/seed{seed}/result.h5ad",
        graph="results/{dataset}/{method}/seed{seed}/neighbors.npz",
        scored="results/{dataset}/{method}/seed{seed}/scored.json",
        code=library_of("scripts/umap.py"),
    output:
        umap="results/{dataset}/{method}/seed{seed}/umap.tsv",
    log:
        "results/{dataset}/{method}/seed{seed}/umap.log",
    benchmark:
        "results/{dataset}/{method}/seed{seed}/umap.benchmark.tsv"
    wildcard_constraints:
        dataset=names_of("integrate"),
    conda:
        "../envs/scanpy.yaml"
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        settings=RUN.settings["umap"],
    script:
        "../scripts/umap.py"
