"""What people look at.

INPUTS   results/{run}/*.tsv, the records, the UMAPs
OUTPUTS  results/{run}/figures/, texts.json, summary.md, config.yaml, report.html
"""

FIGURES = [
    f"{OUT}/figures/{kind}.{dataset}.{suffix}"
    for dataset in RUN.datasets
    for kind in figures_of(dataset)
    for suffix in ("png", "pdf")
] + expand(
    f"{OUT}/figures/ranks_{{definition}}.{{scaling}}.{{suffix}}",
    definition=RUN.definitions,
    scaling=["raw", "minmax"],
    suffix=["png", "pdf"],
)
CAPTIONS = sorted(map(str, (ROOT / "rules" / "captions").glob("*.rst")))


report: "captions/landing.rst"


rule plot_table:
    "The table of scores of one data set by one definition, scIB's or the Portal paper's: methods by metrics."
    input:
        summary=rules.gather.output.summary,
        resources=rules.gather.output.resources,
        overall=rules.gather.output.overall,
        ranges=rules.gather.output.ranges,
        scored=scored_of_dataset,
        code=library_of("scripts/plot_table.py"),
    output:
        png=report(
            f"{OUT}/figures/table_{{definition}}.{{dataset}}.png",
            caption="captions/table.rst",
            category="Scores",
            labels={"what": "{dataset}: methods by metrics ({definition})"},
        ),
        pdf=f"{OUT}/figures/table_{{definition}}.{{dataset}}.pdf",
    log:
        f"{OUT}/logs/plot_table_{{definition}}.{{dataset}}.log",
    conda:
        "../envs/scanpy.yaml"
    params:
        label=dataset_label_of,
        weights=RUN.settings["weights"],
    script:
        "../scripts/plot_table.py"


rule plot_ranks:
    "Methods by overall score, over seeds or over data sets; those that cannot be told apart are joined."
    input:
        overall=rules.gather.output.overall,
        differences=rules.gather.output.differences,
        overall_runs=rules.gather.output.overall_runs,
        resources=rules.gather.output.resources,
        code=library_of("scripts/plot_ranks.py"),
    output:
        png=report(
            f"{OUT}/figures/ranks_{{definition}}.{{scaling}}.png",
            caption="captions/ranks.rst",
            category="Scores",
            labels={"what": "ranks: {scaling} ({definition})"},
        ),
        pdf=f"{OUT}/figures/ranks_{{definition}}.{{scaling}}.pdf",
    log:
        f"{OUT}/logs/plot_ranks_{{definition}}.{{scaling}}.log",
    conda:
        "../envs/scanpy.yaml"
    params:
        labels={name: dataset_label(RUN, name) for name in RUN.of_task("integrate")},
        weights=RUN.settings["weights"],
    script:
        "../scripts/plot_ranks.py"


rule plot_umap:
    "The UMAP grid of one data set, by batch and by label."
    input:
        umaps=projections,
        records=first_records,
        prepared="results/{dataset}/prepared.h5ad",
        code=library_of("scripts/plot_umap.py"),
    output:
        png=report(
            f"{OUT}/figures/umap.{{dataset}}.png",
            caption="captions/umap.rst",
            category="UMAP",
            labels={"what": "{dataset}: by batch and by label"},
        ),
        pdf=f"{OUT}/figures/umap.{{dataset}}.pdf",
    log:
        f"{OUT}/logs/plot_umap.{{dataset}}.log",
    conda:
        "../envs/scanpy.yaml"
    params:
        label=dataset_label_of,
    script:
        "../scripts/plot_umap.py"


rule plot_resources:
    "Bars of time and memory of one data set, failures shown as such."
    input:
        resources=rules.gather.output.resources,
        records=records_of_dataset,
        code=library_of("scripts/plot_resources.py"),
    output:
        png=report(
            f"{OUT}/figures/resources.{{dataset}}.png",
            caption="captions/resources.rst",
            category="Time and memory",
            labels={"what": "{dataset}: time and memory"},
        ),
        pdf=f"{OUT}/figures/resources.{{dataset}}.pdf",
    log:
        f"{OUT}/logs/plot_resources.{{dataset}}.log",
    conda:
        "../envs/scanpy.yaml"
    params:
        label=dataset_label_of,
    script:
        "../scripts/plot_resources.py"


rule report_texts:
    "What was run, on what machine, with which versions; and the configuration with its defaults filled in."
    input:
        records=of_runs("run.json"),
        scored=of_runs("scored.json", RUN.of_task("integrate")),
        prepared=[prepared_of(dataset) for dataset in RUN.datasets],
        scores=rules.gather.output.scores,
        summary=rules.gather.output.summary,
        resources=rules.gather.output.resources,
        destinations=rules.gather.output.destinations,
        overall=rules.gather.output.overall,
        ranges=rules.gather.output.ranges,
        differences=rules.gather.output.differences,
        published=published_table(),
        templates=sorted(map(str, (ROOT / "portal_lib" / "reporting" / "templates").rglob("*.j2"))),
        code=library_of("scripts/report_texts.py"),
    output:
        texts=f"{OUT}/texts.json",
        markdown=report(f"{OUT}/summary.md", category="Scores", labels={"what": "all data sets: numbers"}),
        config=report(f"{OUT}/config.yaml", category="Configuration", labels={"what": "configuration as run"}),
    log:
        f"{OUT}/logs/report_texts.log",
    conda:
        "../envs/scanpy.yaml"
    params:
        settings=RUN.settings,
        figures=sorted({Path(file).name.rpartition(".")[0] for file in FIGURES}),
    script:
        "../scripts/report_texts.py"


rule report:
    "Everything in one HTML file, made by Snakemake itself from what the other rules left."
    input:
        figures=FIGURES,
        texts=rules.report_texts.output.texts,
        markdown=rules.report_texts.output.markdown,
        config=rules.report_texts.output.config,
        captions=CAPTIONS,
        code=library_of("scripts/report.py"),
    output:
        html=f"{OUT}/report.html",
    log:
        f"{OUT}/logs/report.log",
    localrule: True
    conda:
        "../envs/workflow.yaml"
    script:
        "../scripts/report.py"
