"""The task align: two domains, methods that map them onto each other, and their scores.

INPUTS   results/data/{name}/manifest.json
OUTPUTS  results/{dataset}/domains.npz, truth.npz, domains.json; results/{dataset}/{method}/seed{seed}/aligned.npz,
         run.json, scores.tsv, destinations.tsv
"""


rule prepare_domains:
    "Two domains and their correspondences; the ground truth is a separate file."
    input:
        source=prepare_input,
        code=prepare_code,
    output:
        domains="results/{dataset}/domains.npz",
        truth="results/{dataset}/truth.npz",
        record="results/{dataset}/domains.json",
    log:
        "results/{dataset}/prepare_domains.log",
    wildcard_constraints:
        dataset=names_of("align"),
    conda:
        "../envs/align.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        task="align",
        dataset=prepare_dataset,
        source=prepare_source,
        options={},
    script:
        "../scripts/prepare.py"


rule align:
    "Run one method with one seed, supervised, several trainings one after the other; a failed run has a record, too."
    input:
        prepared="results/{dataset}/domains.npz",
        truth="results/{dataset}/truth.npz",
        code=run_code,
    output:
        result="results/{dataset}/{method}/seed{seed}/aligned.npz",
        record="results/{dataset}/{method}/seed{seed}/run.json",
    log:
        "results/{dataset}/{method}/seed{seed}/align.log",
    wildcard_constraints:
        dataset=names_of("align"),
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


rule score_alignment:
    "Compute all metrics of one run of the task align, on cells that are not known pairs."
    input:
        domains="results/{dataset}/domains.npz",
        truth="results/{dataset}/truth.npz",
        result="results/{dataset}/{method}/seed{seed}/aligned.npz",
        record="results/{dataset}/{method}/seed{seed}/run.json",
        code=score_code,
    output:
        scores="results/{dataset}/{method}/seed{seed}/scores.tsv",
        destinations="results/{dataset}/{method}/seed{seed}/destinations.tsv",
    log:
        "results/{dataset}/{method}/seed{seed}/score_alignment.log",
    benchmark:
        "results/{dataset}/{method}/seed{seed}/score_alignment.benchmark.tsv"
    wildcard_constraints:
        dataset=names_of("align"),
    conda:
        "../envs/align.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        task="align",
        metrics=metrics_of,
        options={},
    script:
        "../scripts/score.py"
