"""The task align: two domains, methods that map them onto each other, and how well they did.

INPUTS   results/data/{name}/manifest.json
OUTPUTS  results/{dataset}/domains.npz, truth.npz, domains.json; results/{dataset}/{method}/seed{seed}/aligned.npz,
         run.json, scores.tsv, destinations.tsv
"""


rule prepare_domains:
    "Two domains and what methods may know of them; the truth lies apart."
    input:
        source=prepare_input,
        code=prepare_domains_code,
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
        dataset=prepare_dataset,
        source=prepare_source,
    script:
        "../scripts/prepare_domains.py"


rule align:
    "Run one method with one seed, or several in turn, supervised; a failure is a record, too."
    input:
        domains="results/{dataset}/domains.npz",
        truth="results/{dataset}/truth.npz",
        code=align_code,
    output:
        result="results/{dataset}/{method}/seed{seed}/aligned.npz",
        record="results/{dataset}/{method}/seed{seed}/run.json",
    log:
        "results/{dataset}/{method}/seed{seed}/align.log",
    wildcard_constraints:
        dataset=names_of("align"),
    conda:
        integrate_environment
    threads: integrate_threads
    resources:
        mem_mb=integrate_memory,
        runtime=integrate_minutes,
        gpu=integrate_gpus,
        timing=1,
        limit_mb=math.ceil(RUN.settings["limits"]["memory_gb"] * 1024),
        limit_s=math.ceil(RUN.settings["limits"]["time_minutes"] * 60),
    params:
        task=align_task,
    script:
        "../scripts/align.py"


rule score_alignment:
    "Compute all metrics of one run of the task align, on cells that are not known pairs."
    input:
        domains="results/{dataset}/domains.npz",
        truth="results/{dataset}/truth.npz",
        result="results/{dataset}/{method}/seed{seed}/aligned.npz",
        record="results/{dataset}/{method}/seed{seed}/run.json",
        code=score_alignment_code,
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
        metrics=metrics_of,
    script:
        "../scripts/score_alignment.py"
