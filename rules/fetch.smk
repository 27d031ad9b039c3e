"""Source files of the registry's data sets.

INPUTS   none; the network, or a mirror
OUTPUTS  results/data/{source}/manifest.json, and the files that it names in the same folder
"""


rule fetch:
    "Download the files of a data set and verify them."
    output:
        manifest="results/data/{source}/manifest.json",
    log:
        "results/data/{source}/fetch.log",
    conda:
        "../envs/core.yaml"
    resources:
        downloads=1,
    params:
        files=fetch_files_of,
        lock=str(ROOT / "config" / "checksums.lock.yaml"),
    script:
        "../scripts/fetch.py"
