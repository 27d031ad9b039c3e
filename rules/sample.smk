"""Random samples of one data set, each holding all smaller ones. Only for entries that name `cells`.

INPUTS   results/data/{source}/manifest.json where files are fetched, or the user's own h5ad
OUTPUTS  results/data/{source}/counts-{fingerprint}.h5ad, results/{dataset}/counts.h5ad
"""


rule store:
    "One data set of the registry as one file, in bounded memory where it is made by code."
    input:
        manifest=store_manifest,
        code=store_code,
    output:
        store="results/data/{source}/counts-{fingerprint}.h5ad",
    log:
        "results/data/{source}/store-{fingerprint}.log",
    conda:
        "../envs/scanpy.yaml"
    threads: 8
    resources:
        mem_mb=store_memory,
        runtime=240,
    params:
        params=store_params,
    script:
        "../scripts/store.py"


rule sample:
    "A random sample of the cells of one file; each holds all smaller ones."
    input:
        source=sample_source,
        code=library_of("scripts/sample.py"),
    output:
        sample="results/{dataset}/counts.h5ad",
    log:
        "results/{dataset}/sample.log",
    conda:
        "../envs/scanpy.yaml"
    threads: 2
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        chosen=sample_choice,
    script:
        "../scripts/sample.py"
