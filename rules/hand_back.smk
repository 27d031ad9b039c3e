"""The data sets as they were given, with what the methods made of them. Not part of a report.

INPUTS   the source of every data set to integrate, results/{dataset}/prepared.h5ad, result.h5ad and run.json of the first
         seed of every method, results/{run}/umaps/{dataset}.tsv, summary.tsv
OUTPUTS  results/{run}/integrated/{dataset}.h5ad
"""


rule hand_back:
    "One data set as it was given, with the embedding of every method, and the graph and UMAP of the best one."
    input:
        source=prepare_input,
        prepared="results/{dataset}/prepared.h5ad",
        results=partial(of_umaps, "result.h5ad"),
        records=partial(of_umaps, "run.json"),
        umaps=f"{OUT}/umaps/{{dataset}}.tsv",
        summary=rules.gather.output.summary,
        code=hand_back_code,
    output:
        integrated=f"{OUT}/integrated/{{dataset}}.h5ad",
    log:
        f"{OUT}/logs/hand_back.{{dataset}}.log",
    wildcard_constraints:
        dataset=names_of("integrate"),
    conda:
        "../envs/scanpy.yaml"
    resources:
        mem_mb=8000,
        runtime=120,
    params:
        dataset=prepare_dataset,
        source=prepare_source,
        run=RUN.name,
        controls=[name for name, method in RUN.methods.items() if METHODS[method.name]["control"]],
    script:
        "../scripts/hand_back.py"
