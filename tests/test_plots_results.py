"""What changed, and what quality costs: dots stand where the values are, colours keep their meaning, text stays literal."""

import numpy as np
import pandas as pd
import pytest
from drawing import texts
from matplotlib.colors import to_hex

from utils import plots

HOSTILE = r"$x$ _a_ $\frac{1}$ <b>"


def changes(series=("one", "two"), rows=3):
    cases = [(f"group {i % 2}", f"row {i}", name) for i in sorted(range(rows), key=lambda i: i % 2) for name in series]
    table = pd.DataFrame(cases, columns=["group", "name", "series"])
    before = np.linspace(0.1, 0.6, len(table))
    table = table.assign(before=before, after=before + 0.1, difference=0.1, ci_low=0.05, ci_high=0.15)
    return table


def dots(ax):
    """(x, hollow) of every single dot, in the order they were drawn."""
    lines = [line for line in ax.lines if len(line.get_xdata()) == 1]
    return [(float(line.get_xdata()[0]), to_hex(line.get_markerfacecolor()) == "#ffffff") for line in lines]


def extents(fig):
    """Where headings and names of rows stand, by their text."""
    from matplotlib.text import Text

    fig.draw_without_rendering()
    named = [text for text in fig.findobj(Text) if text.get_text().startswith(("group", "row"))]
    return {text.get_text(): text.get_window_extent() for text in named}


def test_both_values_and_the_difference_of_every_row_are_drawn():
    table = changes()
    left, right = plots.shifts(table).axes
    pairs = zip(table["before"], table["after"], strict=True)
    assert dots(left) == [dot for before, after in pairs for dot in ((before, True), (after, False))]
    assert [x for x, _ in dots(right)] == list(table["difference"])


def test_a_difference_that_may_be_none_is_hollow_and_so_is_one_without_interval():
    table = changes(series=("one",), rows=4)
    table[["ci_low", "ci_high"]] = [(0.05, 0.15), (-0.05, 0.15), (-0.2, -0.1), (None, None)]
    _, right = plots.shifts(table).axes
    assert [hollow for _, hollow in dots(right)] == [False, True, False, True]


def test_rows_of_a_group_stand_together_below_its_heading():
    high = {name: box.y0 for name, box in extents(plots.shifts(changes())).items()}
    assert high["group 0"] > high["row 0"] > high["row 2"] > high["group 1"] > high["row 1"]


def test_the_legend_names_states_and_several_series_but_not_a_single_one():
    assert {"was", "is", "one", "two"} <= set(texts(plots.shifts(changes(), ("was", "is"))))
    assert "one" not in texts(plots.shifts(changes(series=("one",))))


@pytest.mark.parametrize(
    ("table", "named"),
    [
        (changes().drop(columns="series"), "no series"),
        (changes()[:0], "0 rows"),
        (changes(series=[f"s{i}" for i in range(9)]), "9 series"),
    ],
)
def test_a_table_of_shifts_that_cannot_be_drawn_says_why(table, named):
    with pytest.raises(ValueError, match=named):
        plots.shifts(table)


def methods(families=("old", "new"), cost=(5.0, 200.0)):
    rows = len(families)
    table = pd.DataFrame({"name": [f"way {i}" for i in range(rows)], "family": families, "bytes": cost})
    return table.assign(value=np.linspace(0.9, 0.1, rows), ci_low=0.0, ci_high=1.0)


MEASURES = {"see": {"value": "quality", "bytes": "bytes of a picture"}}


def costs(ax):
    [spots] = ax.collections
    return spots.get_offsets().data.tolist(), [to_hex(colour) for colour in spots.get_facecolors()]


def test_every_method_has_its_row_its_quality_and_its_cost():
    quality, cost = plots.side_by_side({"see": methods()}, MEASURES).axes
    assert [x for x, _ in dots(quality)] == [0.9, 0.1]
    assert costs(cost)[0] == [[5.0, 0.0], [200.0, 1.0]] and cost.get_xscale() == "log"


def test_what_costs_nothing_has_no_dot_and_the_others_keep_their_rows():
    _, cost = plots.side_by_side({"see": methods(("old", "new", "new"), (0.0, None, 7.0))}, MEASURES).axes
    assert costs(cost)[0] == [[7.0, 2.0]]


def test_a_family_has_its_colour_in_every_block_and_figure():
    measures = MEASURES | {"tune": MEASURES["see"]}
    fig = plots.side_by_side({"see": methods(), "tune": methods(("new", "old"))}, measures, ["absent", "new"])
    above, below = (costs(ax)[1] for ax in fig.axes[1::2])
    assert above == below[::-1] == [plots.COLOURS[2].lower(), plots.COLOURS[1].lower()]
    assert "absent" not in texts(fig) and {"old", "new", "see", "tune", "bytes of a picture"} <= set(texts(fig))


@pytest.mark.parametrize(
    ("blocks", "measures"),
    [
        ({}, {}),
        ({"see": methods()}, {}),
        ({"see": methods()[:0]}, MEASURES),
        ({"see": methods()}, {"see": {"value": "v"}}),
    ],
)
def test_blocks_that_cannot_be_drawn_are_refused(blocks, measures):
    with pytest.raises(ValueError, match="side_by_side"):
        plots.side_by_side(blocks, measures)


def test_hostile_text_stays_literal():
    table = changes(rows=1).assign(group=HOSTILE, name=HOSTILE, series=[HOSTILE, "other"])
    assert texts(plots.shifts(table, (HOSTILE, "is"), HOSTILE)).count(HOSTILE) >= 5
    block = methods().assign(name=[HOSTILE, "b"], family=[HOSTILE, "c"])
    fig = plots.side_by_side({HOSTILE: block}, {HOSTILE: {"value": HOSTILE, "bytes": HOSTILE}})
    assert texts(fig).count(HOSTILE) >= 5


def test_names_do_not_overlap():
    boxes = list(extents(plots.shifts(changes(series=("one",), rows=8))).values())
    assert len(boxes) == 10 and not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


# growth


SIZES = (10, 100, 1000, 10_000)


def growing(**options):
    return plots.growth(SIZES, {"ms": {"flat": [1, 10, 100, 1000], HOSTILE: [np.nan, 3, 4, 5]}, "s": {"flat": [1, 2, 4, 8]}},
                        measured=3, changes={"as written": 50}, xlabel="photographs", **options)  # fmt: skip


def test_measured_costs_have_marks_and_reckoned_ones_a_dashed_line_that_begins_where_they_end():
    left, right = growing().axes
    marked, dashed = ([line for line in left.lines if line.get_linestyle() == style] for style in ("-", "--"))
    assert [list(line.get_xdata()) for line in marked] == [[10, 100, 1000], [100, 1000]]
    assert [list(line.get_ydata()) for line in dashed] == [[100, 1000], [4, 5]]
    assert {ax.get_xscale() + ax.get_yscale() for ax in (left, right)} == {"loglog"}


def test_a_method_keeps_its_colour_in_all_panels_and_stands_once_in_the_legend():
    fig = growing()
    colours = [ax.lines[0].get_color() for ax in fig.axes]
    assert colours[0] == colours[1]
    names = [text.get_text() for text in fig.legends[0].get_texts()]
    assert len(names) == len(set(names)) == 3 and "reckoned" in names
    assert {"as written", "photographs", "ms"} <= set(texts(fig))
    assert HOSTILE[:5] in " ".join(names)


@pytest.mark.parametrize(
    ("sizes", "panels", "measured"),
    [
        (SIZES, {}, None),
        (SIZES, {"ms": {}}, None),
        ((10, 10), {"ms": {"flat": [1, 2]}}, None),
        ((0, 10), {"ms": {"flat": [1, 2]}}, None),
        ((1, 10), {"ms": {"flat": [1, 0]}}, None),
        ((1, 10), {"ms": {"flat": [1]}}, None),
        ((1, 10), {"ms": {"flat": [1, 2]}}, 3),
    ],
)
def test_costs_that_cannot_be_drawn_are_refused(sizes, panels, measured):
    with pytest.raises(ValueError, match="growth: "):
        plots.growth(sizes, panels, measured)
