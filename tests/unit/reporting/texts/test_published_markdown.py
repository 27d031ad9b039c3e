"""The Markdown table of published values and those of this study."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from align_tables import METHODS, METRICS, make_destinations, make_scores, make_summary

from portal_lib.benchmark.tables.published import compare_published
from portal_lib.reporting.texts.published import published_markdown

FILE = Path(__file__).parents[4] / "config" / "published" / "magan.tsv"


@pytest.fixture(scope="module")
def comparison():
    scores = make_scores(("gaussians", "thymus_panels", "rna_protein"))
    return compare_published(pd.read_csv(FILE, sep="\t"), make_summary(scores), scores, make_destinations())


def test_the_markdown_names_each_source_once(comparison):
    page = published_markdown(comparison, METHODS, METRICS, {"gaussians": "Three clusters"})
    lines = page.splitlines()
    assert lines[0] == "| Data set | Metric | Method | Published | This study (95 % interval) | Runs | Source |"
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == len(comparison) + 2
    assert any(line.startswith("| Three clusters | 0 mapped to 0, 1→2 | Dual GAN | 0.362 | 0.4") for line in table)
    assert any("| Dual GAN / MAGAN · paper | 4.75 |" in line for line in table)
    sources = [line for line in lines if line[:1].isdigit()]
    assert len(sources) == comparison.source.nunique()
    assert published_markdown(comparison.iloc[:0]) == ""


def test_the_markdown_marks_methods_that_were_not_run(comparison):
    table = comparison.head(2).assign(ours=np.nan, n=0)
    table.loc[1, ["ours", "ci_low", "ci_high", "n"]] = [0.5, np.nan, np.nan, 1]
    page = published_markdown(table)
    assert "| 0.362 | not run | 0 |" in page
    assert "| 0.500 (n=1) | 1 |" in page
