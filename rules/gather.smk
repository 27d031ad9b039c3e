"""All runs in three tables.

INPUTS   scores.tsv and run.json of every run
OUTPUTS  results/{run}/scores.tsv, summary.tsv, resources.tsv
"""


rule gather:
    "All scores, their means with intervals, and time, memory and status of all runs."
    input:
        scores=of_runs("scores.tsv"),
        records=of_runs("run.json"),
        code=library_of("scripts/gather.py"),
    output:
        scores=f"{OUT}/scores.tsv",
        summary=f"{OUT}/summary.tsv",
        resources=f"{OUT}/resources.tsv",
    log:
        f"{OUT}/logs/gather.log",
    conda:
        "../envs/scanpy.yaml"
    script:
        "../scripts/gather.py"
