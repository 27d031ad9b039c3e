"""The methods.

INPUTS   results/{dataset}/prepared.h5ad, the user's own embeddings
OUTPUTS  results/{dataset}/{method}/seed{seed}/result.h5ad, run.json
"""


rule integrate:
    "Run one method with one seed, supervised; a failed run has a record, too."
    input:
        prepared="results/{dataset}/prepared.h5ad",
        given=given_files,
        code=run_code,
    output:
        result="results/{dataset}/{method}/seed{seed}/result.h5ad",
        record="results/{dataset}/{method}/seed{seed}/run.json",
    log:
        "results/{dataset}/{method}/seed{seed}/integrate.log",
    wildcard_constraints:
        dataset=names_of("integrate"),
    conda:
        method_environment
    threads: method_threads
    resources:
        mem_mb=method_memory,
        runtime=method_minutes,
        gpu=method_gpus,
        timing=1,
        limit_mb=math.ceil(RUN.settings["limits"]["memory_gb"] * 1024),
        limit_s=math.ceil(RUN.settings["limits"]["time_minutes"] * 60),
    params:
        task=run_task,
    script:
        "../scripts/run_method.py"
