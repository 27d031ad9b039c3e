"""All runs in three tables.

INPUTS   scores.tsv and run.json of every run, prepare.json of every data set to integrate
OUTPUTS  results/{run}/scores.tsv, summary.tsv, overall.tsv, overall_runs.tsv, ranges.tsv, differences.tsv, resources.tsv,
         preparation.tsv, destinations.tsv, published.tsv
"""


rule gather:
    "All scores, their means with intervals, and time, memory and status of all runs."
    input:
        scores=of_runs("scores.tsv"),
        records=of_runs("run.json"),
        preparations=preparations(),
        destinations=of_runs("destinations.tsv", RUN.of_task("align")),
        code=library_of("scripts/gather.py", *TASK_FILES),
    output:
        scores=f"{OUT}/scores.tsv",
        summary=f"{OUT}/summary.tsv",
        resources=f"{OUT}/resources.tsv",
        preparation=f"{OUT}/preparation.tsv",
        destinations=f"{OUT}/destinations.tsv",
        overall_runs=f"{OUT}/overall_runs.tsv",
        overall=f"{OUT}/overall.tsv",
        ranges=f"{OUT}/ranges.tsv",
        differences=f"{OUT}/differences.tsv",
    log:
        f"{OUT}/logs/gather.log",
    conda:
        "../envs/scanpy.yaml"
    params:
        weights=RUN.settings["weights"],
        added=RUN.added,
    script:
        "../scripts/gather.py"


rule compare_published:
    "Published numbers next to those of this run."
    input:
        published=PUBLISHED,
        summary=rules.gather.output.summary,
        scores=rules.gather.output.scores,
        destinations=rules.gather.output.destinations,
        code=library_of("scripts/compare_published.py"),
    output:
        table=f"{OUT}/published.tsv",
    log:
        f"{OUT}/logs/compare_published.log",
    conda:
        "../envs/scanpy.yaml"
    params:
        sources={name: dataset.name for name, dataset in RUN.datasets.items()},
    script:
        "../scripts/compare_published.py"
