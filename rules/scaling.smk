"""The scaling study: time and memory against the number of cells. Needs runs, but no scores.

INPUTS   results/{dataset}/prepare.json, results/{dataset}/{method}/seed{seed}/run.json
OUTPUTS  results/{run}/scaling.tsv, scaling_fits.tsv, figures/scaling_{time,phases,memory}.{whole}.{png,svg}
"""

SCALING_FIGURES = expand(
    f"{OUT}/figures/scaling_{{kind}}.{{whole}}.{{suffix}}",
    kind=["time", "phases", "memory"],
    whole=dict.fromkeys(dataset.whole for dataset in RUN.datasets.values()),
    suffix=["png", "svg"],
)


rule gather_scaling:
    "What every preparation and every run took, and how that grows with the number of cells."
    input:
        preparations=expand("results/{dataset}/prepare.json", dataset=RUN.datasets),
        records=of_runs("run.json"),
        code=library_of("scripts/gather_scaling.py"),
    output:
        scaling=f"{OUT}/scaling.tsv",
        fits=f"{OUT}/scaling_fits.tsv",
    log:
        f"{OUT}/logs/gather_scaling.log",
    conda:
        "../envs/scanpy.yaml"
    params:
        wholes={name: dataset.whole for name, dataset in RUN.datasets.items()},
    script:
        "../scripts/gather_scaling.py"


rule plot_scaling:
    "Time and memory of one data set against the number of cells, failures and published figures shown as such."
    input:
        scaling=rules.gather_scaling.output.scaling,
        fits=rules.gather_scaling.output.fits,
        published=str(ROOT / "config" / "published" / "portal_scaling.tsv"),
        records=scaling_records,
        code=library_of("scripts/plot_scaling.py"),
    output:
        **{
            f"{kind}_{suffix}": f"{OUT}/figures/scaling_{kind}.{{whole}}.{suffix}"
            for kind in ("time", "phases", "memory")
            for suffix in ("png", "svg")
        },
    log:
        f"{OUT}/logs/plot_scaling.{{whole}}.log",
    conda:
        "../envs/scanpy.yaml"
    params:
        label=scaling_label,
    script:
        "../scripts/plot_scaling.py"
