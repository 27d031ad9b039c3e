from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from align_tables import (
    METHODS,
    METRICS,
    assert_inside,
    labelled,
    make_destinations,
    make_scores,
    make_summary,
    t_interval,
    texts,
)

from portal_lib.benchmark.tables import published as module
from portal_lib.benchmark.tables.published import compare_published
from portal_lib.errors import DataError
from portal_lib.reporting.figures.published import draw

FILE = Path(__file__).parents[4] / "config" / "published" / "magan.tsv"


@pytest.fixture(scope="module")
def numbers():
    return pd.read_csv(FILE, sep="\t")


@pytest.fixture(scope="module")
def tables():
    scores = make_scores(("gaussians", "thymus_panels", "rna_protein"))
    return make_summary(scores), scores, make_destinations()


@pytest.fixture(scope="module")
def comparison(numbers, tables):
    return compare_published(numbers, *tables)


def row(table, **where):
    for column, value in where.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_the_published_file_has_the_values_of_the_paper(numbers):
    assert list(numbers.columns) == ["dataset", "method", "metric", "value", "source"]
    assert numbers.notna().all(axis=None)
    assert numbers["source"].str.contains("arXiv 1803.00385").all()
    bars = numbers[(numbers.dataset == "thymus_panels") & numbers.source.str.contains("raster")]
    assert bars.groupby("method").size().to_dict() == {"gan": 13, "magan": 13}
    wide = bars.pivot_table(index="metric", columns="method", values="value")
    assert (wide["magan"] > wide["gan"]).all()
    shares = numbers[numbers.metric.str.startswith("destination")]
    assert shares.groupby(["dataset", "method"])["value"].sum().round(9).eq(1).all()
    ratios = numbers[numbers.metric.str.startswith("mse_ratio")].set_index("metric")["value"]
    assert ratios.to_dict() == {"mse_ratio:12": round(33.7 / 7.1, 2), "mse_ratio:21": round(99.3 / 22.0, 2)}
    assert not numbers.metric.isin(["mse", "mse:12", "mse:21"]).any()


def test_scores_are_those_of_the_summary(comparison, tables):
    found = row(comparison, dataset="thymus_panels", method="magan", metric="pearson:CD8")
    ours = row(tables[0], dataset="thymus_panels", method="magan", metric="pearson:CD8")
    assert (found.published, found.n) == (0.94, 5)
    assert [found.ours, found.ci_low, found.ci_high] == pytest.approx([ours["mean"], ours.ci_low, ours.ci_high])
    both = comparison[(comparison.metric == "pearson:CD3") & (comparison.method == "gan")]
    assert sorted(both.published) == [-0.275, -0.25]


def test_shares_are_means_over_runs_with_their_interval(comparison, tables):
    shares = tables[2][(tables[2].method == "gan") & (tables[2].direction == "12")]
    values = shares[(shares.source == "0") & (shares.target == "2")]["share"]
    found = row(comparison, dataset="gaussians", method="gan", metric="destination:12:0>2")
    low, high = t_interval(values)
    assert (found.published, found.n) == (0.415, 20)
    assert [found.ours, found.ci_low, found.ci_high] == pytest.approx([values.mean(), max(low, 0), min(high, 1)])
    all_ends = comparison[(comparison.dataset == "gaussians") & (comparison.method == "magan")]
    assert all_ends.ours.sum() == pytest.approx(1)


def test_a_pair_without_a_row_is_a_share_of_zero(numbers, tables):
    destinations = tables[2][tables[2].share > 0.05]
    here = destinations[(destinations.method == "magan") & (destinations.direction == "12")]
    found = row(compare_published(numbers, *tables[:2], destinations), method="magan", metric="destination:12:0>2")
    values = here[(here.source == "0") & (here.target == "2")]["share"]
    assert len(values) < 20
    assert found.ours == pytest.approx(values.sum() / 20)


def test_ratios_are_geometric_means_over_common_seeds(comparison, tables, numbers):
    errors = tables[1][(tables[1].dataset == "rna_protein") & (tables[1].metric == "mse:12")]
    wide = errors.pivot_table(index="seed", columns="method", values="value")
    logs = np.log(wide["gan"] / wide["magan"])
    found = row(comparison, dataset="rna_protein", method="gan:magan", metric="mse_ratio:12")
    assert [found.ours, found.ci_low, found.ci_high] == pytest.approx([np.exp(logs.mean()), *np.exp(t_interval(logs))])
    assert set(comparison[comparison.metric == "mse_ratio:12"]["method"]) == {"gan:magan", "gan:magan.paper"}
    fewer = tables[1].drop(tables[1][(tables[1].method == "gan") & (tables[1].seed == 0)].index)
    again = row(compare_published(numbers, tables[0], fewer, tables[2]), method="gan:magan", metric="mse_ratio:12")
    assert again.n == 4
    assert again.ours == pytest.approx(np.exp(logs[1:].mean()))


def test_variants_are_compared_with_the_published_value_of_their_method(comparison):
    here = comparison[(comparison.metric == "pearson:CD8") & (comparison.published == 0.94)]
    assert list(here.method) == ["magan", "magan.paper"]


def test_methods_that_were_not_run_are_kept_and_other_data_sets_are_left_out(numbers, tables):
    summary, scores, _ = (table[table.method != "gan"] for table in tables)
    found = compare_published(numbers, summary, scores, tables[2].iloc[:0])
    assert set(found.dataset) == {"gaussians", "thymus_panels", "rna_protein"}
    lost = found[(found.method == "gan") & (found.dataset == "thymus_panels")]
    assert len(lost) == 14
    assert lost.ours.isna().all()
    assert (lost.n == 0).all()
    assert (found[found.metric.str.startswith("mse_ratio")].n == 0).all()


def test_a_data_set_may_have_another_name_in_the_run(numbers, tables):
    renamed = [table.replace({"dataset": {"gaussians": "small"}}) for table in tables]
    assert "small" not in set(compare_published(numbers, *renamed).dataset)
    found = compare_published(numbers, *renamed, sources={"small": "gaussians"})
    assert (found.dataset == "small").sum() == 9


def test_intervals_equal_those_of_scipy():
    rng = np.random.default_rng(0)
    for n in (2, 5, 31, 100):
        values = rng.normal(size=n)
        mean, ci_low, ci_high, count = module._interval([*values, np.nan])
        assert (mean, count) == (pytest.approx(values.mean()), n)
        assert (ci_low, ci_high) == pytest.approx(t_interval(values))
    mean, ci_low, ci_high, n = module._interval([2.0])
    assert (mean, n) == (2.0, 1)
    assert np.isnan([ci_low, ci_high]).all()
    assert module._interval([])[3] == 0


def test_the_figure_has_a_row_per_metric_with_both_values(comparison):
    figure = draw(comparison, METHODS, METRICS, "thymus_panels", label="Thymus")
    axes = figure.axes[1]
    here = comparison[comparison.dataset == "thymus_panels"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [
        name.removeprefix("pearson:") for name in dict.fromkeys(here.metric)
    ]
    given = sorted(float(dot.get_offsets()[0][0]) for dot in labelled(axes, "published"))
    assert given == pytest.approx(sorted(here.published))
    assert len(labelled(axes, "interval")) == len(labelled(axes, "ours")) == len(here)
    assert axes.get_xlabel() == "Pearson correlation"
    assert {"Thymus: published and this study", "MAGAN", "MAGAN · paper", "Dual GAN"} <= set(texts(figure))


def test_ratios_are_drawn_on_a_log_axis(comparison):
    scales = {
        name: draw(comparison, METHODS, METRICS, name).axes[1].get_xscale() for name in ("gaussians", "rna_protein")
    }
    assert scales == {"gaussians": "linear", "rna_protein": "log"}


def test_texts_neither_overlap_nor_leave_the_figure(comparison):
    for dataset in comparison.dataset.unique():
        assert_inside(draw(comparison, METHODS, METRICS, dataset))
        assert_inside(draw(comparison.assign(ours=np.nan, ci_low=np.nan, ci_high=np.nan), METHODS, METRICS, dataset))


def test_a_data_set_without_published_numbers_is_refused(comparison):
    with pytest.raises(DataError, match="no published numbers for data set 'digits'"):
        draw(comparison, METHODS, METRICS, "digits")
