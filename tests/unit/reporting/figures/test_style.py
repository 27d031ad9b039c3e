import matplotlib
import pytest

from portal_lib.reporting.figures._style import (
    category_colours,
    draw_title,
    drawable,
    inch_axes,
    inch_canvas,
    save_figure,
    shorten,
    styled,
    text_width,
    wrap,
    write,
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


NAMES = {
    "γδ T, CD4⁺ α/β": "γδ T, CD4⁺ α/β",
    "T细胞": "T\\u7ec6\\u80de",
    "T cell\n(CD4)": "T cell (CD4)",
    "a\tb": "a b",
    "\N{DNA DOUBLE HELIX}": "\\U0001f9ec",
    "x\x00\x07": "x\\x00\\x07",
    "\ud83d": "\\ud83d",
    "\u200b\u202e": "\\u200b\\u202e",
    "$\\alpha$ {x} %s": "$\\alpha$ {x} %s",
    "": "",
}


@pytest.mark.parametrize(("name", "shown"), NAMES.items())
def test_every_name_can_be_drawn_and_different_names_stay_different(tmp_path, name, shown):
    assert drawable(name) == shown
    assert shorten(name, 8, 5) == shown
    assert shorten(name * 40, 8, 1) == shorten(shown * 40, 8, 1)
    assert wrap(f"a {name}", 8, 5) == [f"a {shown}".rstrip()]

    @styled
    def named():
        figure, page = inch_canvas(3, 2)
        draw_title(page, name)
        write(page, 1, 1, name, 8)
        return figure

    # A glyph that the font lacks would be a warning, which is an error in tests.
    save_figure(named(), tmp_path / "named", ("pdf", "png", "svg"))
