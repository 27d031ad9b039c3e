"""Counts to principal components.

INPUTS   results/data/{name}/manifest.json, or the user's own h5ad
OUTPUTS  results/{dataset}/prepared.h5ad
"""


rule prepare:
    "Variable genes, scaling and principal components, by the Portal recipe."
    input:
        source=prepare_source,
        code=prepare_code,
    output:
        prepared="results/{dataset}/prepared.h5ad",
    log:
        "results/{dataset}/prepare.log",
    benchmark:
        "results/{dataset}/prepare.benchmark.tsv"
    conda:
        "../envs/scanpy.yaml"
    threads: 2
    resources:
        mem_mb=16000,
        runtime=240,
    params:
        dataset=prepare_dataset,
        folder=prepare_folder,
        settings=RUN.settings["preparation"],
    script:
        "../scripts/prepare.py"
