"""Scaling study: time and memory against the number of cells or batches. Needs runs, but no scores.

INPUTS   results/{dataset}/prepare.json, results/{dataset}/{method}/seed{seed}/run.json
OUTPUTS  results/{run}/scaling.tsv, scaling_fits.tsv, figures/scaling_{time,phases,memory}.{whole}.{png,svg}
"""

SCALING_FIGURES = figure_outputs("scaling")


rule gather_scaling:
    "Time and memory of every preparation and run, and the fitted exponents of their growth with the number of cells or batches."
    input:
        preparations=preparations(),
        records=of_runs("run.json", RUN.of_task("integrate"), added=False, given=False),
        code=library_of("scripts/gather_scaling.py"),
    output:
        scaling=f"{OUT}/scaling.tsv",
        fits=f"{OUT}/scaling_fits.tsv",
    log:
        f"{OUT}/logs/gather_scaling.log",
    conda:
        "../envs/scanpy.yaml"
    params:
        wholes={name: RUN.datasets[name].whole for name in RUN.of_task("integrate")},
        of_batches=[name for name in RUN.of_task("integrate") if RUN.datasets[name].n_batches],
    script:
        "../scripts/gather_scaling.py"


rule plot_scaling:
    "One figure of time or memory against the number of cells or batches, with failed runs and published values."
    input:
        unpack(figure_inputs),
        code=figure_code,
    output:
        png=f"{OUT}/figures/{{figure}}.png",
        svg=f"{OUT}/figures/{{figure}}.svg",
    log:
        f"{OUT}/logs/plot_{{figure}}.log",
    wildcard_constraints:
        figure=figure_pattern("scaling"),
    conda:
        "../envs/scanpy.yaml"
    params:
        figure=figure_plugin,
        inputs=figure_input_names,
        facts=figure_facts_of,
    script:
        "../scripts/plot.py"
