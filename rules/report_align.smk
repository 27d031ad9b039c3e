"""What people look at, of the task align.

INPUTS   results/{run}/*.tsv, results/{dataset}/domains.npz, truth.npz, the translations
OUTPUTS  results/{run}/figures/
"""


rule plot_scores:
    "The scores of one data set to align: methods by metrics."
    input:
        summary=rules.gather.output.summary,
        resources=rules.gather.output.resources,
        code=library_of("scripts/plot_scores.py"),
    output:
        png=report(
            f"{OUT}/figures/scores.{{dataset}}.png",
            caption="captions/scores.rst",
            category="Scores",
            labels={"what": "{dataset}: methods by metrics"},
        ),
        pdf=f"{OUT}/figures/scores.{{dataset}}.pdf",
    log:
        f"{OUT}/logs/plot_scores.{{dataset}}.log",
    conda:
        "../envs/scanpy.yaml"
    params:
        label=dataset_label_of,
    script:
        "../scripts/plot_scores.py"


rule plot_destinations:
    "Where the cells of each label end, by method."
    input:
        destinations=rules.gather.output.destinations,
        code=library_of("scripts/plot_destinations.py"),
    output:
        png=report(
            f"{OUT}/figures/destinations.{{dataset}}.png",
            caption="captions/destinations.rst",
            category="Alignment",
            labels={"what": "{dataset}: destinations"},
        ),
        pdf=f"{OUT}/figures/destinations.{{dataset}}.pdf",
    log:
        f"{OUT}/logs/plot_destinations.{{dataset}}.log",
    conda:
        "../envs/scanpy.yaml"
    params:
        label=dataset_label_of,
    script:
        "../scripts/plot_destinations.py"


rule plot_markers:
    "Correlation of real and predicted values, marker by marker."
    input:
        summary=rules.gather.output.summary,
        published=lambda wildcards: published_of_dataset(wildcards.dataset),
        code=library_of("scripts/plot_markers.py"),
    output:
        png=report(
            f"{OUT}/figures/markers.{{dataset}}.png",
            caption="captions/markers.rst",
            category="Alignment",
            labels={"what": "{dataset}: markers"},
        ),
        pdf=f"{OUT}/figures/markers.{{dataset}}.pdf",
    log:
        f"{OUT}/logs/plot_markers.{{dataset}}.log",
    conda:
        "../envs/scanpy.yaml"
    params:
        label=dataset_label_of,
        source=source_of,
    script:
        "../scripts/plot_markers.py"


rule plot_published:
    "Published numbers about one data set beside ours."
    input:
        published=rules.compare_published.output.table,
        code=library_of("scripts/plot_published.py"),
    output:
        png=report(
            f"{OUT}/figures/published.{{dataset}}.png",
            caption="captions/published.rst",
            category="Alignment",
            labels={"what": "{dataset}: published and ours"},
        ),
        pdf=f"{OUT}/figures/published.{{dataset}}.pdf",
    log:
        f"{OUT}/logs/plot_published.{{dataset}}.log",
    conda:
        "../envs/scanpy.yaml"
    params:
        label=dataset_label_of,
    script:
        "../scripts/plot_published.py"


rule plot_cells:
    "Translated cells beside real ones, of the first training of each method."
    input:
        domains="results/{dataset}/domains.npz",
        truth="results/{dataset}/truth.npz",
        results=first_alignments,
        records=first_records,
        code=library_of("scripts/plot_cells.py"),
    output:
        png=report(
            f"{OUT}/figures/cells.{{dataset}}.png",
            caption="captions/cells.rst",
            category="Alignment",
            labels={"what": "{dataset}: translated cells"},
        ),
        pdf=f"{OUT}/figures/cells.{{dataset}}.pdf",
    log:
        f"{OUT}/logs/plot_cells.{{dataset}}.log",
    conda:
        "../envs/scanpy.yaml"
    params:
        methods=methods_of,
        shown=shown_of,
        label=dataset_label_of,
    script:
        "../scripts/plot_cells.py"
