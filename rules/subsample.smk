"""Random samples of one data set, each of which contains all smaller ones. Only for entries that name `cells`.

INPUTS   results/data/{source}/manifest.json where files are fetched, or the user's own file
OUTPUTS  results/data/{source}/counts-{fingerprint}.h5ad, results/{dataset}/counts.h5ad
"""


rule write_counts:
    "One data set of the registry as one file, in bounded memory where it is simulated."
    input:
        manifest=write_counts_manifest,
        code=write_counts_code,
    output:
        counts="results/data/{source}/counts-{fingerprint}.h5ad",
    log:
        "results/data/{source}/write_counts-{fingerprint}.log",
    conda:
        "../envs/scanpy.yaml"
    threads: 8
    resources:
        mem_mb=write_counts_memory,
        runtime=240,
    params:
        params=write_counts_params,
    script:
        "../scripts/write_counts.py"


rule subsample:
    "A random sample of the cells of one file; each contains all smaller ones."
    input:
        source=subsample_source,
        code=library_of("scripts/subsample.py"),
    output:
        sample="results/{dataset}/counts.h5ad",
    log:
        "results/{dataset}/subsample.log",
    conda:
        "../envs/scanpy.yaml"
    threads: 2
    resources:
        mem_mb=2000,
        runtime=120,
    params:
        chosen=subsample_choice,
    script:
        "../scripts/subsample.py"
