import matplotlib
import pytest

from portal_lib.reporting.figures._style import (
    category_colours,
    inch_axes,
    inch_canvas,
    save_figure,
    shorten,
    styled,
    text_width,
    wrap,
)


@styled
def draw():
    figure, page = inch_canvas(3, 2)
    page.text(0.2, 0.2, "costs $5 and $6")
    inch_axes(figure, 0.5, 0.5, 2, 1).scatter(range(5), range(5), rasterized=True)
    return figure


def test_the_same_figure_gives_the_same_bytes(tmp_path):
    first = save_figure(draw(), tmp_path / "a" / "table.toy")
    second = save_figure(draw(), tmp_path / "b" / "table.toy")
    assert [path.name for path in first] == ["table.toy.pdf", "table.toy.png"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_an_svg_is_the_same_each_time_and_holds_no_date(tmp_path):
    first, png = save_figure(draw(), tmp_path / "a", ("svg", "png"))
    second, _ = save_figure(draw(), tmp_path / "b", ("svg", "png"))
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".pdf"] == []
    assert png.read_bytes().startswith(b"\x89PNG")
    assert first.read_bytes() == second.read_bytes()
    assert b"<dc:date>" not in first.read_bytes()


def test_pdf_holds_truetype_text_and_no_date(tmp_path):
    content = save_figure(draw(), tmp_path / "figure")[0].read_bytes()
    assert b"/CIDFontType2" in content or b"/TrueType" in content
    assert b"/Type3" not in content
    assert b"CreationDate" not in content


def test_matplotlib_settings_of_the_user_are_ignored_and_kept(tmp_path):
    plain = save_figure(draw(), tmp_path / "plain")[1].read_bytes()
    with matplotlib.rc_context({"font.size": 30, "figure.facecolor": "black", "savefig.bbox": "tight"}):
        other = save_figure(draw(), tmp_path / "other")[1].read_bytes()
        assert matplotlib.rcParams["font.size"] == 30
    assert plain == other


def test_the_first_40_categories_have_different_colours():
    colours = category_colours(str(i) for i in range(40))
    assert len(set(colours.values())) == 40
    assert list(category_colours(["0", "1"]).values()) == list(colours.values())[:2]
    assert len(category_colours(str(i) for i in range(100))) == 100


@pytest.mark.parametrize("size", [6, 8])
def test_shortened_text_fits(size):
    text = "a name that is much longer than its column"
    short = shorten(text, size, 1.0)
    assert short.endswith("…")
    assert text_width(short, size) <= 1.0
    assert shorten("short", size, 1.0) == "short"


def test_wrapped_text_fits_and_loses_nothing():
    text = "many words that do not fit into one line of this width"
    lines = wrap(text, 8, 1.2)
    assert " ".join(lines) == text
    assert all(text_width(line, 8) <= 1.2 for line in lines)
    assert wrap("", 8, 1) == []
    assert text_width(" ", 8) == 0
