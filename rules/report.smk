"""Figures, texts and the report.

INPUTS   results/{run}/*.tsv, records, UMAPs, domains, translations
OUTPUTS  results/{run}/figures/, texts.json, summary.md, config.yaml, report.html
"""

FIGURES = figure_outputs("figures")
CAPTIONS = sorted(map(str, (ROOT / "rules" / "captions").glob("*.rst")))
REPORT_TEMPLATES = sorted(map(str, (ROOT / "portal_lib" / "reporting" / "templates").rglob("*.j2")))


report: "captions/landing.rst"


rule plot:
    "One figure of a data set or of the whole run."
    input:
        unpack(figure_inputs),
        code=figure_code,
    output:
        png=report(
            f"{OUT}/figures/{{figure}}.png",
            caption="captions/figure.rst",
            category=figure_category,
            labels=figure_labels,
        ),
        pdf=f"{OUT}/figures/{{figure}}.pdf",
    log:
        f"{OUT}/logs/plot_{{figure}}.log",
    wildcard_constraints:
        figure=figure_pattern("figures"),
    conda:
        "../envs/scanpy.yaml"
    params:
        figure=figure_plugin,
        inputs=figure_input_names,
        facts=figure_facts_of,
    script:
        "../scripts/plot.py"


rule report_texts:
    "Texts of the report: first page, captions, summary, and the configuration with all defaults."
    input:
        records=of_runs("run.json"),
        scored=of_runs("scored.json", RUN.of_task("integrate")),
        prepared=[prepared_of(dataset) for dataset in RUN.datasets],
        scores=rules.gather.output.scores,
        summary=rules.gather.output.summary,
        resources=rules.gather.output.resources,
        preparation=rules.gather.output.preparation,
        destinations=rules.gather.output.destinations,
        overall=rules.gather.output.overall,
        overall_runs=rules.gather.output.overall_runs,
        ranges=rules.gather.output.ranges,
        differences=rules.gather.output.differences,
        published=published_table(),
        templates=REPORT_TEMPLATES,
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
        figures=sorted(FIGURES_OF["figures"]),
    script:
        "../scripts/report_texts.py"


rule report:
    "The report of Snakemake: all figures, tables and texts in one HTML file."
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
