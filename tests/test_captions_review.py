"""Captions before a person: which come first, what reading them finds, and corrections that come back exactly."""

import csv
import io
import random

import numpy as np
import pandas as pd
import pytest

from utils.captions import review, sheet

NASTY = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\ttab", "\rreturn", "\nline", "  =1", "'=1", "''=1", "'quoted'", "'", "", " ",
    "＝1", 'say "hi", twice', "one\ntwo\r\nthree\rfour", "سلحفاة 🐢", "a;b,c\td", "\x00", "</textarea>", "x" * 5000,
]  # fmt: skip


def captions(*texts, **more):
    """A frame of captions with ids in order."""
    names = [f"p/{i}" for i in range(len(texts))]
    frame = pd.DataFrame({"image_id": names, "path": [f"{name}.png" for name in names], "caption": list(texts)})
    return frame.assign(**{name: pd.Series(cells, dtype=object) for name, cells in more.items()})


def reviewed(frame, **answers):
    """What a person gives back: corrected and note by number of the row."""
    rows = frame[["image_id", "caption"]].assign(corrected="", note="")
    for column, cells in answers.items():
        for i, text in cells.items():
            rows.loc[i, column] = text
    return rows


# the queue


def slow_risk(frame):
    """Risk and its terms row by row, without arrays."""
    n = len(frame)
    lengths = [len(text) for text in frame["caption"]]
    middle = np.median(lengths)
    away = [abs(length - middle) for length in lengths]
    spread = 1.4826 * np.median(away) or 1.2533 * sum(away) / n or 1
    risks = []
    for i in range(n):
        row, terms = frame.iloc[i], {"length": min(away[i] / spread / 3.5, 1)}
        if "score" in frame and not pd.isna(row["score"]):
            there = [score for score in frame["score"] if not pd.isna(score)]
            below, equal = sum(s < row["score"] for s in there), sum(s == row["score"] for s in there)
            terms["score"] = 1 - (below + (equal + 1) / 2) / len(there)
        if "group" in frame:
            terms["group"] = float(row["group"] is not None and list(frame["group"]).count(row["group"]) > 1)
        if "kept" in frame:
            terms["kept"] = float(row["kept"] is False)
        if "flag" in frame:
            terms["flag"] = float(row["flag"] is not None)
        if "disagrees" in frame:
            terms["disagrees"] = float(row["disagrees"] is True)
        weights = {name: review.WEIGHTS[name] for name in terms}
        risks.append(sum(weights[name] * terms[name] for name in terms) / sum(weights.values()))
    return risks


def test_risk_is_the_weighted_mean_of_the_terms_that_are_there():
    rng = random.Random(0)
    for _ in range(40):
        n = rng.randint(1, 9)
        columns = {
            "score": [rng.choice([0.1, 0.2, 0.3, None]) for _ in range(n)],
            "group": [rng.choice([0, 1, 2, 3, None]) for _ in range(n)],
            "kept": [rng.choice([True, False, None]) for _ in range(n)],
            "flag": [rng.choice([None, "repeats"]) for _ in range(n)],
            "disagrees": [rng.choice([True, False, None]) for _ in range(n)],
        }
        there = {name: cells for name, cells in columns.items() if rng.random() < 0.6}
        frame = captions(*["x" * rng.choice([5, 6, 7, 8, 60]) for _ in range(n)], **there)
        queue = review.review_queue(frame)
        expected = dict(zip(frame["image_id"], slow_risk(frame), strict=True))
        assert queue["risk"].to_numpy() == pytest.approx([expected[name] for name in queue["image_id"]])
        assert queue["risk"].between(0, 1).all() and queue["risk"].is_monotonic_decreasing
        assert set(queue.columns) == {*frame.columns, "risk", "why"}


def test_equal_risks_go_by_name_whatever_the_order_of_the_rows():
    frame = captions(*["a turtle"] * 6)
    assert list(review.review_queue(frame[::-1])["image_id"]) == list(frame["image_id"])
    assert (review.review_queue(frame)["risk"] == 0).all()


def test_why_names_what_speaks_against_a_caption():
    frame = captions(
        "a turtle", "a turtle", "a crab!!", "t", "x" * 90, "fine here",
        score=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], group=[1, 1, 2, 3, 4, 5], kept=[None, None, False, True, None, True],
        flag=[None, "repeats", None, float("nan"), "", None], disagrees=[True, False, None, False, False, False],
    )  # fmt: skip
    why = dict(review.review_queue(frame)[["image_id", "why"]].itertuples(index=False, name=None))
    assert why == {
        "p/0": "detector disagrees, low score, duplicate",
        "p/1": "repeats, duplicate",
        "p/2": "paraphrase refused",
        "p/3": "very short",
        "p/4": "very long",
        "p/5": "",
    }


def test_single_terms_can_be_asked_alone():
    frame = captions("a", "a" * 60, "b", kept=[True, True, False])
    queue = review.review_queue(frame, weights={"kept": 1.0})
    assert list(queue["image_id"]) == ["p/2", "p/0", "p/1"] and list(queue["risk"]) == [1.0, 0.0, 0.0]
    with pytest.raises(ValueError, match="weights name hight; the terms are flag"):
        review.review_queue(frame, weights={"hight": 1.0})


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({"score": -1.0, "length": 2.0}, "weights are score -1.0; give finite numbers"),
        ({"kept": float("nan")}, "kept nan"),
        ({"kept": float("inf")}, "kept inf"),
        ({"kept": "much"}, "kept much"),
        ({"kept": 0.0, "flag": 0}, "a weight above 0"),
        ({}, "a weight above 0"),
    ],
)
def test_weights_that_rank_nothing_are_named(weights, said):
    with pytest.raises(ValueError, match=said):
        review.review_queue(captions("a turtle", "a net"), weights=weights)


def test_words_of_a_spreadsheet_for_yes_and_no_are_understood():
    frame = captions(
        "a", "b", "c", kept=["False", "TRUE", None], disagrees=["no", "1.0", "False"], flag=[False, "empty", None]
    )
    queue = review.review_queue(frame).set_index("image_id")["why"]
    assert list(queue.loc[["p/0", "p/1", "p/2"]]) == ["paraphrase refused", "empty, detector disagrees", ""]


def test_figures_given_beside_the_frame_stand_in_for_its_scores():
    frame = captions("a", "b", "c", score=[0.9, 0.1, 0.2])
    queue = review.review_queue(frame, image_text=np.array([0.1, 0.9, 0.5], np.float32))
    assert list(queue["image_id"]) == ["p/0", "p/2", "p/1"] and queue["score"].iloc[0] == pytest.approx(0.1)
    assert list(frame["score"]) == [0.9, 0.1, 0.2]
    with pytest.raises(ValueError, match=r"shape \(2,\); give one figure for each of 3"):
        review.review_queue(frame, image_text=[0.1, 0.2])


def test_a_queue_of_nothing_is_empty_and_a_queue_can_be_ranked_again():
    queue = review.review_queue(captions())
    assert queue.empty and list(queue.columns)[-2:] == ["risk", "why"]
    once = review.review_queue(captions("a", None, "c" * 50))
    pd.testing.assert_frame_equal(review.review_queue(once), once)


def test_what_cannot_be_ranked_is_named():
    frame = captions("a", "b")
    with pytest.raises(ValueError, match="missing columns: path, caption; found image_id"):
        review.review_queue(frame[["image_id"]])
    with pytest.raises(ValueError, match="image_id stands twice: p/0"):
        review.review_queue(pd.concat([frame, frame[:1]]))


# what reading them is worth


def slow_caught(wrong, share):
    """Share of the errors among the first of a list; the last caption counts as far as it was read."""
    left, found = share * len(wrong), 0.0
    for error in wrong:
        found += error * min(1.0, max(left, 0.0))
        left -= 1
    return found / sum(wrong)


def test_the_share_of_errors_caught_is_what_a_loop_finds():
    rng = np.random.default_rng(0)
    for _ in range(15):
        n = int(rng.integers(1, 30))
        wrong = rng.random(n) < 0.4
        wrong[rng.integers(n)] = True
        shares = rng.uniform(0.01, 1, 3)
        cost = review.label_cost(captions(*["a"] * n), wrong, shares)
        best = sorted(wrong, reverse=True)
        assert cost["ranking"].to_numpy() == pytest.approx([slow_caught(list(wrong), s) for s in shares])
        assert cost["best"].to_numpy() == pytest.approx([slow_caught(best, s) for s in shares])
        orders = [slow_caught(list(rng.permutation(wrong)), shares[0]) for _ in range(200)]
        assert cost["random"][0] == shares[0] and np.mean(orders) == pytest.approx(shares[0], abs=0.15)
        assert (cost["ranking"] <= cost["best"] + 1e-12).all()


def test_an_interval_holds_the_estimate_narrows_and_is_fixed_by_its_seed():
    rng = np.random.default_rng(1)
    few, many = (rng.random(n) < np.linspace(0.6, 0, n) for n in (60, 900))
    short, long = (review.label_cost(captions(*["a"] * len(wrong)), wrong) for wrong in (few, many))
    for cost in (short, long):
        assert (cost["ci_low"] <= cost["ranking"]).all() and (cost["ranking"] <= cost["ci_high"]).all()
    assert ((long["ci_high"] - long["ci_low"]) < (short["ci_high"] - short["ci_low"])).all()
    frame = captions(*["a"] * 60)
    pd.testing.assert_frame_equal(review.label_cost(frame, few), short)
    assert not review.label_cost(frame, few, seed=1).equals(short)


def test_a_single_error_has_an_interval_too():
    cost = review.label_cost(captions(*"abcdefghij"), [True] + [False] * 9, [0.1, 1.0])
    assert list(cost["ranking"]) == [1, 1] and list(cost["best"]) == [1, 1] and not cost.isna().any(axis=None)


@pytest.mark.parametrize(
    ("wrong", "shares", "message"),
    [
        ([True], [0.5], r"shape \(1,\); give one value for each of 2"),
        ([False, False], [0.5], "nothing to find"),
        ([True, False], [0.0], "must lie above 0"),
        ([True, False], [1.5], "must lie above 0"),
    ],
)
def test_a_cost_that_cannot_be_told_is_refused(wrong, shares, message):
    with pytest.raises(ValueError, match=message):
        review.label_cost(captions("a", "b"), wrong, shares)


# out as CSV and in again


def queue_of(texts):
    return captions(*texts).assign(risk=np.linspace(1, 0, len(texts)), why=list(texts))


def test_every_text_comes_back_exactly(tmp_path):
    queue = queue_of(NASTY)
    queue["image_id"] = [f"{text[:40]}{i}" for i, text in enumerate(NASTY)]
    back = sheet.read_csv(sheet.to_csv(queue, tmp_path / "out" / "queue.csv"))
    assert tuple(back.columns) == sheet.COLUMNS
    for column in ("image_id", "caption", "why", "risk"):
        assert list(back[column]) == list(queue[column])
    assert set(back["corrected"]) == set(back["note"]) == {""}
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["queue.csv"]


def test_random_texts_come_back_exactly_and_none_is_a_formula(tmp_path):
    rng = random.Random(0)
    texts = ["".join(rng.choices("'=+-@\t\r\n \"a,;＝", k=rng.randint(0, 6))) for _ in range(3000)]
    path = sheet.to_csv(queue_of(texts), tmp_path / "queue.csv")
    assert list(sheet.read_csv(path)["caption"]) == texts
    seen = list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))
    assert not [row for row in seen if row["caption"].lstrip(" ").startswith(tuple("=+-@\t\r\n＝"))]
    assert len({row["caption"] for row in seen}) == len(set(texts))


def test_a_file_begins_as_spreadsheets_like_it_and_every_cell_is_quoted(tmp_path):
    raw = sheet.to_csv(queue_of(["=a"]), tmp_path / "queue.csv").read_bytes()
    assert (
        raw
        == b'\xef\xbb\xbf"image_id","caption","corrected","note","risk","why"\r\n"p/0","\'=a","","","1.0","\'=a"\r\n'
    )


def test_answers_that_happen_to_be_in_the_queue_are_not_written(tmp_path):
    queue = queue_of(["a"]).assign(note="from elsewhere", corrected="b")
    assert sheet.read_csv(sheet.to_csv(queue, tmp_path / "queue.csv")).loc[0, "note"] == ""


def test_a_queue_that_cannot_be_written_leaves_the_old_file(tmp_path):
    path = sheet.to_csv(queue_of(["a"]), tmp_path / "queue.csv")
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"queue.csv: .* cannot be written in UTF-8"):
        sheet.to_csv(queue_of(["photo_\udce9"]), path)
    with pytest.raises(ValueError, match="missing columns: risk"):
        sheet.to_csv(captions("a").assign(why=""), path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_a_spreadsheet_may_change_separators_quotes_and_the_order_of_columns(tmp_path, between):
    rows = [
        ["why", "note", "corrected", "caption", "image_id", "risk"],
        ["", "ok", "=b", '"a;\tb, c"', "p/0", '"0,5"'],
        [""] * 6,
    ]
    path = tmp_path / "saved.csv"
    path.write_text("\n".join(between.join(cells) for cells in rows), encoding="utf-8")
    [row] = sheet.read_csv(path).itertuples(index=False)
    assert (row.image_id, row.caption, row.corrected, row.note) == ("p/0", "a;\tb, c", "=b", "ok")


HEAD = "image_id,caption,corrected,note,risk,why\n"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "the column 'image_id' is missing; found nothing"),
        (b"image_id,caption,note\np/0,a,b\n", "the column 'corrected' is missing; found image_id, caption, note"),
        (b"image_id,caption,corrected,note,note\n", "the column 'note' stands twice"),
        (f'{HEAD}p/0,"a\nb",,,,\np/1,a,,,,\np/0,a,,,,\n'.encode(), "line 5: image_id p/0 stands on line 2 too"),
        (f"{HEAD}p/0,a,,,,\n,a,,,,\n".encode(), "line 3: the image_id is empty"),
        (f"{HEAD}p/0,a, b,,,,\n".encode(), "line 2 has 7 cells, the first row 6; put a text with a comma in double"),
        (f'{HEAD}p/0,"a,,,,\n'.encode(), "line 2 is not CSV"),
        (f"{HEAD}p/0,é,,,,\n".encode("cp1252"), "line 2 is not UTF-8; save the file as 'CSV UTF-8'"),
        (HEAD.encode("utf-16"), "line 1 is not UTF-8"),
    ],
)
def test_a_damaged_file_is_named_with_the_place_and_what_to_do(tmp_path, raw, message):
    path = tmp_path / "saved.csv"
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=rf"saved\.csv: .*{message}"):
        sheet.read_csv(path)


def test_a_review_needs_neither_risk_nor_why(tmp_path):
    path = tmp_path / "saved.csv"
    path.write_text("image_id,caption,corrected,note\np/0,a,b,\n", encoding="utf-8")
    back = sheet.read_csv(path)
    assert tuple(back.columns) == sheet.COLUMNS and back["risk"].isna().all() and back.loc[0, "why"] == ""


# corrections go back


@pytest.fixture
def frame():
    return captions("a turtle", "a crab", "a net", "a wreck", source=["blip", "blip", None, "owner"])


def test_a_correction_replaces_the_caption_and_remembers_what_was(frame):
    before = frame.copy(deep=True)
    merged = review.merge(frame, reviewed(frame, corrected={1: "a red crab"}, note={1: "colour"}), by="me")
    assert list(merged["caption"]) == ["a turtle", "a red crab", "a net", "a wreck"]
    assert list(merged["source"]) == ["blip", "review", None, "owner"]
    assert list(merged["history"]) == [
        [],
        [{"caption": "a crab", "source": "blip", "by": "me", "note": "colour"}],
        [],
        [],
    ]
    pd.testing.assert_frame_equal(frame, before)
    pd.testing.assert_frame_equal(merged.drop(1)[frame.columns], frame.drop(1))


def test_history_grows_and_earlier_frames_keep_theirs(frame):
    first = review.merge(frame, reviewed(frame, corrected={2: "a fishing net"}), by="a")
    second = review.merge(first, reviewed(first, corrected={2: "a ghost net"}), by="b")
    assert [(h["caption"], h["source"], h["by"]) for h in second.loc[2, "history"]] == [
        ("a net", None, "a"),
        ("a fishing net", "review", "b"),
    ]
    assert len(first.loc[2, "history"]) == 1 and "history" not in frame


def test_fine_as_it_is_and_a_note_alone_enter_the_history_only(frame):
    answers = reviewed(frame, corrected={0: "a turtle", 1: "  "}, note={3: "which wreck?"})
    merged = review.merge(frame, answers, by="me")
    assert list(merged["caption"]) == list(frame["caption"]) and list(merged["source"]) == list(frame["source"])
    assert [len(history) for history in merged["history"]] == [1, 0, 0, 1]
    assert merged.loc[3, "history"][0]["note"] == "which wreck?"


def test_a_part_of_the_rows_in_any_order_is_enough(frame):
    answers = reviewed(frame, corrected={3: "a boat", 0: "a green turtle"}).loc[[3, 0]]
    merged = review.merge(frame.set_axis([7, 7, 8, 9]), answers.drop(columns="note"))
    assert list(merged["caption"]) == ["a green turtle", "a crab", "a net", "a boat"]
    assert list(merged.index) == [7, 7, 8, 9]


def test_two_people_can_share_a_queue(frame):
    mine, yours = reviewed(frame, corrected={0: "a green turtle"}), reviewed(frame, corrected={3: "a boat"})
    merged = review.merge(review.merge(frame, mine, by="me"), yours, by="you")
    assert list(merged["caption"]) == ["a green turtle", "a crab", "a net", "a boat"]


def test_the_kind_of_newline_is_no_change():
    frame = captions("one\r\ntwo", "a")
    answers = reviewed(frame, corrected={0: "one\ntwo three"}).assign(caption=["one\ntwo", "a"])
    assert review.merge(frame, answers).loc[0, "caption"] == "one\ntwo three"


def test_columns_of_another_type_take_corrections_too():
    frame = captions("a", "b").assign(image_id=[1, 2], source=pd.Categorical(["blip", "blip"]))
    merged = review.merge(frame, reviewed(frame, corrected={1: "c"}).astype({"image_id": str}))
    assert list(merged["caption"]) == ["a", "c"] and list(merged["source"]) == ["blip", "review"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.assign(image_id=["p/0", "p/1", "q/8", "q/9"]), "no such image_id: q/8, q/9"),
        (lambda rows: pd.concat([rows, rows[1:2]]), "image_id stands twice: p/1"),
        (lambda rows: rows.assign(caption=["a turtle", "a blue crab", "a net", "a wreck"]), "no longer .*: p/1"),
        (lambda rows: rows.drop(columns="corrected"), "missing columns: corrected"),
    ],
)
def test_a_review_that_does_not_belong_is_refused_and_changes_nothing(frame, change, message):
    before = frame.copy(deep=True)
    answers = reviewed(frame, corrected={0: "a green turtle", 1: "a red crab"})
    with pytest.raises(ValueError, match=message):
        review.merge(frame, change(answers))
    pd.testing.assert_frame_equal(frame, before)


def test_a_review_is_not_merged_twice_nor_into_captions_that_share_a_name(frame):
    answers = reviewed(frame, corrected={0: "a green turtle"})
    with pytest.raises(ValueError, match="no longer the one reviewed: p/0; make a new queue"):
        review.merge(review.merge(frame, answers), answers)
    with pytest.raises(ValueError, match="image_id stands twice: p/2"):
        review.merge(pd.concat([frame, frame[2:3]]), answers)


def test_nothing_said_changes_nothing_and_no_captions_need_no_review(frame):
    merged = review.merge(frame, reviewed(frame))
    pd.testing.assert_frame_equal(merged[frame.columns], frame)
    assert review.merge(frame[:0], reviewed(frame[:0])).empty


def test_the_whole_way_from_queue_to_captions(frame, tmp_path):
    queue = review.review_queue(frame.assign(score=[0.3, 0.1, 0.2, 0.4]))
    path = sheet.to_csv(queue, tmp_path / "queue.csv")
    text = path.read_bytes().decode("utf-8-sig")
    path.write_bytes(text.replace('"a crab","",""', '"a crab","a red crab","=sure"').encode("utf-8-sig"))
    merged = review.merge(frame, sheet.read_csv(path), by="me")
    assert merged.loc[1, "caption"] == "a red crab" and merged.loc[1, "history"][0]["note"] == "=sure"
