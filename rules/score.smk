"""The metrics of every run, and the UMAPs of every data set.

INPUTS   results/{dataset}/prepared.h5ad, results/{dataset}/{method}/seed{seed}/result.h5ad, run.json
OUTPUTS  results/{dataset}/{method}/seed{seed}/scores.tsv, scored.json, neighbors.npz; results/{run}/umaps/{dataset}.tsv
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
    "UMAPs of the first seed of every method on a data set, each from the neighbours that its metrics used."
    input:
        prepared="results/{dataset}/prepared.h5ad",
        results=partial(of_umaps, "result.h5ad"),
        graphs=partial(of_umaps, "neighbors.npz"),
        scored=partial(of_umaps, "scored.json"),
        code=library_of("scripts/umap.py"),
    output:
        table=f"{OUT}/umaps/{{dataset}}.tsv",
    log:
        f"{OUT}/logs/umap.{{dataset}}.log",
    benchmark:
        f"{OUT}/umaps/{{dataset}}.benchmark.tsv"
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
