"""Download the files of a data set and verify them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import json

from portal_lib._files import write_text_atomic
from portal_lib.benchmark.fetch.fetch import fetch_files
from portal_lib.benchmark.script_logging import logged


def main(*, files: list[dict], manifest: str, mirror: str | None, lock: str) -> None:
    """Fetch `files` into the folder of `manifest`, which records the source of each."""
    folder = Path(manifest).parent
    folder.mkdir(parents=True, exist_ok=True)
    rows = fetch_files(files, folder, mirror=mirror, lock_path=lock)
    write_text_atomic(manifest, json.dumps(rows, indent=1, sort_keys=True))


if "snakemake" in globals():
    with logged(snakemake.log[0]):
        main(
            files=snakemake.params.files,
            manifest=snakemake.output.manifest,
            mirror=snakemake.config["mirror"],
            lock=snakemake.params.lock,
        )
