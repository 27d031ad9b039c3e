"""Counts to principal components.

INPUTS   results/data/{name}/manifest.json, results/{dataset}/counts.h5ad where the data set is a sample, or the user's
         own file
OUTPUTS  results/{dataset}/prepared.h5ad, prepare.json
"""


rule prepare:
    "Variable genes, scaling and principal components: those of Portal, and those of all other methods."
    input:
        source=prepare_input,
        code=prepare_code,
    output:
        prepared="results/{dataset}/prepared.h5ad",
        record="results/{dataset}/prepare.json",
    log:
        "results/{dataset}/prepare.log",
    wildcard_constraints:
        dataset=names_of("integrate"),
    conda:
        "../envs/scanpy.yaml"
    threads: RUN.settings["threads"]
    resources:
        mem_mb=16000,
        runtime=240,
        timing=1,
    params:
        task="integrate",
        dataset=prepare_dataset,
        source=prepare_source,
        options=prepare_options,
    script:
        "../scripts/prepare.py"
