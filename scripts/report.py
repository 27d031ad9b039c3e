"""One HTML file with everything, made by Snakemake itself."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import os
import subprocess

from portal_lib._files import replacing
from portal_lib.benchmark.script_logging import logged


def main(*, config: str, html: str) -> None:
    """Ask Snakemake for its report on the figures of the run that `config` describes.

    A second Snakemake only reads here; it takes no lock and follows no profile.
    """
    snakefile = Path(__file__).resolve().parents[1] / "Snakefile"
    words = ["figures", "report_texts", "--snakefile", snakefile, "--configfile", config, "--nolock"]
    with replacing(html) as temporary:
        command = [sys.executable, "-P", "-m", "snakemake", *words, "--workflow-profile", "none", "--report", temporary]
        environment = {key: value for key, value in os.environ.items() if key != "SNAKEMAKE_PROFILE"}
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, env=environment)


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(config=snakemake.input.config, html=snakemake.output.html)
