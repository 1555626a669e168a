"""Re-identification: parts drawn and published, scores of individuals, chance and rejection, against slow loops."""

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score

from utils import classical, config, datasets, embed, metrics, reidentify

HSV = classical.HsvHistogram(size=32)


def photo(identity, day, number=0, **more):
    """A row of a manifest; the day None is a photograph without encounter."""
    name = f"{identity}-{day}-{number}"
    date = None if day is None else f"2020-01-{day:02d}"
    row = {"image_id": name, "path": f"{name}.png", "dataset": "made", "category": "turtle", "label": identity,
           "identity": identity, "encounter": date and f"{identity}/{date}", "split": None, "boxes": [],
           "facts": {"date": date, "splits": {}, "width": 60, "height": 60}}  # fmt: skip
    return row | more


def table(rows):
    return pd.DataFrame(rows, dtype=object)


@pytest.fixture
def frame():
    """Six turtles, each met on three days, two photographs a day, in an order of its own."""
    rows = [photo(f"t{i}", 3 * i + 1 + day, n) for i in range(6) for day in range(3) for n in range(2)]
    return table(rows).sample(frac=1, random_state=1)


def made(database, queries):
    """Parts of (identity, day) pairs."""
    rows = [[photo(*pair, number=i) for i, pair in enumerate(pairs)] for pairs in (database, queries)]
    return reidentify.Parts(*map(table, rows))


def drawn(rng, unknown=True, encounters=True):
    """Parts of a few individuals and days, where every known individual has a photograph of another day."""
    names = [f"t{i}" for i in range(rng.integers(2, 6))]
    database = [(name, int(day)) for name in names for day in rng.integers(1, 5, rng.integers(1, 5))]
    pool = [*names, "stranger", "other"] if unknown else names
    queries = [(str(rng.choice(pool)), int(rng.integers(4, 8))) for _ in range(rng.integers(1, 8))]
    queries = [
        (name, day) for name, day in queries if name not in names or any(d != day for n, d in database if n == name)
    ]
    queries = queries or [(names[0], 9)]
    if not encounters:
        database, queries = ([(name, None) for name, _ in part] for part in (database, queries))
    return made(database, queries)


def tied(rng, parts):
    """Scores (q, n), many of them equal, some negative."""
    return rng.integers(-3, 4, (len(parts.queries), len(parts.database))) / 4


# parts


def test_in_time_the_last_encounter_asks_all_earlier_ones(frame):
    found = reidentify.parts(frame, "latest")
    assert len(found.queries) == 12 and len(found.database) == 24
    last = found.database["facts"].map(lambda facts: facts["date"]).groupby(found.database["identity"]).max()
    for row in found.queries.itertuples():
        assert row.facts["date"] > last[row.identity]
    assert not set(found.queries["encounter"]) & set(found.database["encounter"])


def test_the_last_encounter_is_the_last_by_date_whatever_its_name(frame):
    again = frame.assign(encounter=[f"{name}/{99 - int(day)}" for name, day, _ in frame["image_id"].str.split("-")])
    one, other = (reidentify.parts(rows, "latest") for rows in (frame, again))
    assert list(one.queries["image_id"]) == list(other.queries["image_id"])


def test_unknown_individuals_are_in_no_photograph_of_the_database_and_ask_with_all_of_theirs(frame):
    found = reidentify.parts(frame, "latest", unknown=1 / 3)
    known = set(found.database["identity"])
    strangers = found.queries[~found.queries["identity"].isin(known)]
    assert len(known) == 4 and strangers["identity"].nunique() == 2 and len(strangers) == 12
    assert found.queries["identity"].isin(known).sum() == 8


@pytest.mark.parametrize("split", ["latest", "random"])
def test_parts_do_not_depend_on_the_order_of_the_rows_and_change_with_the_seed(frame, split):
    one, same, other = (
        reidentify.parts(rows, split, unknown=0.5, seed=seed)
        for rows, seed in ((frame, 0), (frame.sort_values("path"), 0), (frame, 3))
    )
    for a, b in zip(one, same, strict=True):
        pd.testing.assert_frame_equal(a, b)
    assert set(one.queries["image_id"]) != set(other.queries["image_id"])


def test_a_random_split_draws_photographs_of_each_and_leaves_one(frame):
    found = reidentify.parts(frame, "random", each=4)
    assert set(found.queries["identity"].value_counts()) == {4} and set(found.database["identity"].value_counts()) == {
        2
    }
    rest = reidentify.parts(frame, "random", each=99)
    assert set(rest.database["identity"].value_counts()) == {1}


def test_parts_share_no_image_and_lose_none(frame):
    for split, unknown in itertools.product(("latest", "random"), (0, 0.3)):
        found = reidentify.parts(frame, split, unknown=unknown)
        ids = [*found.database["image_id"], *found.queries["image_id"]]
        assert sorted(ids) == sorted(frame["image_id"])


def test_published_test_images_ask_all_others(frame):
    places = ["train", "val", "test", None]
    frame = frame.assign(facts=[{"splits": {"open": places[i % 4]}} for i in range(len(frame))])
    with pytest.warns(UserWarning, match="9 images have no split 'open'"):
        found = reidentify.parts(frame, "open")
    assert len(found.queries) == 9 and len(found.database) == 18


def test_where_nothing_is_published_for_test_validation_images_ask(frame):
    frame = frame.assign(facts=[{"splits": {"published": "val" if i % 3 else "train"}} for i in range(len(frame))])
    assert len(reidentify.parts(frame, "published").queries) == 24


def test_an_individual_of_one_encounter_stays_in_the_database_and_is_named(frame):
    rows = [*frame.to_dict("records"), photo("hermit", 1), photo("hermit", 1, 1)]
    with pytest.warns(UserWarning, match="1 individuals have one encounter only and ask nothing: hermit"):
        found = reidentify.parts(table(rows), "latest")
    assert "hermit" in set(found.database["identity"]) - set(found.queries["identity"])


def test_an_individual_of_one_photograph_stays_in_the_database_and_is_named(frame):
    with pytest.warns(UserWarning, match="one photograph only and ask nothing: hermit"):
        found = reidentify.parts(table([*frame.to_dict("records"), photo("hermit", 1)]), "random")
    assert "hermit" in set(found.database["identity"]) - set(found.queries["identity"])


def test_images_without_identity_or_date_are_counted_and_left_out(frame):
    rows = [*frame.to_dict("records"), photo(None, 1), photo("t1", None)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = reidentify.parts(table(rows), "latest")
    assert [str(w.message)[:40] for w in caught] == [
        "1 images have no identity and are left o",
        "1 images have no encounter or no date an",
    ]
    assert len(found.database) + len(found.queries) == len(frame)


def test_validation_is_made_of_the_database_alone_and_has_unknowns(frame):
    test = reidentify.parts(frame, "latest", unknown=1 / 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        val = reidentify.validation(test)
    used = {*val.database["image_id"], *val.queries["image_id"]}
    assert used == set(test.database["image_id"])
    known = val.queries["identity"].isin(set(val.database["identity"]))
    assert known.any() and not known.all()
    assert not set(val.queries["encounter"]) & set(val.database["encounter"])


def test_validation_is_drawn_where_encounters_are_not_known(frame):
    frame = frame.assign(encounter=None)
    val = reidentify.validation(reidentify.parts(frame, "random", each=2), unknown=0.5, each=1)
    counts = val.queries["identity"].value_counts()
    assert sorted(counts) == [1, 1, 1, 4, 4, 4]


def test_folders_become_individuals(frame):
    plain = frame.assign(identity=None, encounter=None)
    assert list(reidentify.from_folders(plain)["identity"]) == list(plain["label"])
    assert plain["identity"].isna().all()


@pytest.mark.parametrize(
    ("change", "arguments", "match"),
    [
        (
            {"identity": None},
            {"split": "latest"},
            "no image has an identity: if every turtle has a folder.*from_folders",
        ),
        ({"identity": "t1"}, {"split": "latest"}, "all images show t1"),
        ({"encounter": None}, {"split": "latest"}, "no image has an encounter and a date"),
        ({}, {"split": "closd"}, "unknown split 'closd'; known here: individual, random.*latest"),
        ({}, {"split": "latest", "unknown": 1.0}, "unknown is 1.0"),
        ({}, {"split": "latest", "unknown": -0.1}, "unknown is -0.1"),
        ({}, {"split": "random", "each": 0}, "each 0"),
        ({}, {"split": "closed", "unknown": 0.2}, "'closed' says itself who is unknown"),
        ({}, {"split": "latest", "unknown": 0.9}, "alone in the database"),
    ],
)
def test_a_frame_that_cannot_be_divided_is_refused(frame, change, arguments, match):
    with pytest.raises(ValueError, match=match):
        reidentify.parts(frame.assign(**change), **arguments)


def test_a_split_without_queries_is_refused(frame):
    once = frame[frame["image_id"].str.endswith("-0")].drop_duplicates("identity")
    with pytest.warns(UserWarning, match="6 individuals"), pytest.raises(ValueError, match="no image for: queries"):
        reidentify.parts(once, "latest")


def test_a_frame_without_the_columns_is_refused(frame):
    with pytest.raises(ValueError, match="missing columns: identity"):
        reidentify.parts(frame.drop(columns="identity"))


@pytest.fixture(scope="module")
def world():
    return datasets.load("sea_turtles")


def test_the_published_closed_split_knows_everyone_and_divides_no_encounter(world):
    found = reidentify.parts(world, "closed")
    assert set(found.queries["identity"]) == set(found.database["identity"])
    assert not set(found.queries["encounter"]) & set(found.database["encounter"])
    assert not reidentify.hidden(found).any()


def test_the_published_open_split_has_strangers_and_the_random_one_divides_encounters(world):
    found = reidentify.parts(world, "open")
    known = found.queries["identity"].isin(set(found.database["identity"]))
    assert 0.2 < known.mean() < 0.9
    assert reidentify.hidden(reidentify.parts(world, "closed_random")).any()


# judging


def slow_judged(scores, parts, hide=True):
    """Rows as dictionaries, one photograph at a time."""
    rows = []
    for i, query in enumerate(parts.queries.itertuples()):
        answers = [
            (scores[i][j], row.identity)
            for j, row in enumerate(parts.database.itertuples())
            if not (hide and query.encounter is not None and row.encounter == query.encounter)
        ]
        best = {}
        for score, name in answers:
            best[name] = max(score, best.get(name, -np.inf))
        top = max(best.values())
        row = {"named": min(name for name, score in best.items() if score == top), "score": top,
               "known": query.identity in best, "photos": len(answers), "individuals": len(best)}  # fmt: skip
        if row["known"]:
            others = [score for name, score in best.items() if name != query.identity]
            own = best[query.identity]
            rank = 1 + sum(s > own for s in others) + sum(s == own for s in others) / 2
            right = sorted((s for s, n in answers if n == query.identity), reverse=True)
            wrong = [s for s, n in answers if n != query.identity]
            places = [k + sum(w > s for w in wrong) + sum(w == s for w in wrong) / 2 for k, s in enumerate(right, 1)]
            row |= {"rank": rank, "top1": float(rank <= 1), "top5": float(rank <= 5), "own": len(right),
                    "AP": np.mean([k / place for k, place in enumerate(places, 1)])}  # fmt: skip
        rows.append(row)
    return rows


@pytest.mark.parametrize("hide", [True, False])
def test_each_query_is_judged_as_a_loop_does_ties_and_unknowns_included(hide):
    rng, strangers = np.random.default_rng(0), 0
    for _ in range(120):
        parts = drawn(rng, encounters=rng.random() < 0.8)
        scores = tied(rng, parts)
        found = reidentify.judged(scores, parts, hide).to_dict("records")
        for row, slow in zip(found, slow_judged(scores, parts, hide), strict=True):
            for name, value in slow.items():
                assert row[name] == pytest.approx(value), name
            strangers += not row["known"]
            assert row["known"] or all(np.isnan(row[name]) for name in ("rank", "top1", "top5", "AP", "luck1"))
    assert strangers > 20


def test_average_precision_agrees_with_scikit_learn_where_nothing_is_equal():
    rng = np.random.default_rng(1)
    for _ in range(100):
        parts = drawn(rng, unknown=False)
        scores = rng.normal(size=(len(parts.queries), len(parts.database)))
        found, dark = reidentify.judged(scores, parts), reidentify.hidden(parts)
        for i, row in found.iterrows():
            same = (parts.database["identity"] == row["identity"])[~dark[i]]
            assert row["AP"] == pytest.approx(average_precision_score(same, scores[i][~dark[i]]))


def test_an_individual_scores_as_its_best_photograph():
    scores, names = reidentify.best_of([[0.1, 0.9, -np.inf, 0.3]], ["b", "a", "c", "b"])
    assert names == ["a", "b", "c"] and scores.tolist() == [[0.9, 0.3, -np.inf]]


def test_photographs_of_the_own_encounter_are_no_answer_unless_shown():
    parts = made([("a", 1), ("a", 2), ("b", 1)], [("a", 1)])
    scores = [[0.9, 0.1, 0.5]]
    hidden, shown = (reidentify.judged(scores, parts, hide).iloc[0] for hide in (True, False))
    assert reidentify.hidden(parts).tolist() == [[True, False, False]]
    assert (hidden["named"], hidden["top1"], hidden["photos"]) == ("b", 0, 2)
    assert (shown["named"], shown["top1"], shown["photos"]) == ("a", 1, 3)


def test_photographs_without_an_encounter_hide_nothing():
    assert not reidentify.hidden(made([("a", None), ("b", None)], [("a", None)])).any()


def test_a_query_known_from_its_own_encounter_only_is_counted_and_left_out():
    parts = made([("a", 1), ("b", 1), ("b", 2)], [("a", 1), ("b", 3), ("c", 4)])
    with pytest.warns(UserWarning, match="1 queries are left out, known from their own encounter only: a"):
        found = reidentify.judged(np.zeros((3, 3)), parts)
    assert list(found["identity"]) == ["b", "c"] and list(found["known"]) == [True, False]
    assert len(reidentify.judged(np.zeros((3, 3)), parts, hide=False)) == 3


def test_if_all_queries_are_known_from_their_own_encounter_only_nothing_can_be_judged():
    with pytest.raises(ValueError, match="none of 1 queries can be judged"):
        reidentify.judged([[0.5, 0.1]], made([("a", 1), ("b", 1)], [("a", 1)]))


@pytest.mark.parametrize("bad", [np.zeros((2, 2)), [[np.nan, 0.0]], [[np.inf, 0.0]], np.zeros(2)])
def test_scores_that_do_not_fit_are_refused(bad):
    with pytest.raises(ValueError, match="1 queries and 2 photographs"):
        reidentify.judged(bad, made([("a", 1), ("b", 1)], [("a", 2)]))


def test_an_oracle_reaches_one_and_its_reverse_ends_last():
    parts = drawn(np.random.default_rng(2), unknown=False)
    same = (parts.queries["identity"].to_numpy()[:, None] == parts.database["identity"].to_numpy()).astype(float)
    best, worst = (reidentify.summary(reidentify.judged(sign * same, parts)) for sign in (1, -1))
    assert all(best[name]["mean"] == best[name]["ci_low"] == 1 for name in best) and worst["top1"]["mean"] == 0


def test_one_score_for_all_names_nobody():
    rows = reidentify.judged(np.ones((1, 3)), made([("a", 1), ("b", 1), ("c", 1)], [("b", 2)]))
    assert rows["rank"][0] == 2 and rows["top1"][0] == 0 and rows["named"][0] == "a"


# chance


def all_orders(own, others, k):
    """The share of all orders of the photographs in which the first individual is among the first k."""
    photographs = [i for i, size in enumerate([own, *others]) for _ in range(size)]
    orders = list(itertools.permutations(photographs))
    return np.mean([0 in list(dict.fromkeys(order))[:k] for order in orders])


@pytest.mark.parametrize(("own", "others"), [(1, [1, 1]), (2, [1, 3]), (3, [1, 1, 2]), (1, [4, 2]), (2, [2, 1, 1, 1])])
def test_chance_counts_all_orders_of_the_photographs(own, others):
    for k in range(1, len(others) + 3):
        assert reidentify.top_chance(own, others, k) == pytest.approx(all_orders(own, others, k), abs=1e-5)


def test_chance_of_equal_individuals_is_their_share():
    for k in (1, 2, 5, 20, 30):
        assert reidentify.top_chance(4, [4] * 19, k) == pytest.approx(min(k, 20) / 20)


@pytest.mark.parametrize("bad", [(0, [1], 1), (1, [0], 1), (1, [1], 0)])
def test_chance_of_nothing_is_refused(bad):
    with pytest.raises(ValueError, match="counted from 1"):
        reidentify.top_chance(*bad)


def test_random_scores_reach_the_stated_chance():
    rng, gathered = np.random.default_rng(3), []
    sizes = {"a": 12, "b": 1, "c": 4, "d": 2, "e": 1, "f": 6, "g": 3, "h": 1}
    parts = made([(n, d % 20 + 1) for n, size in sizes.items() for d in range(size)], [(n, 25) for n in sizes])
    for _ in range(100):
        gathered.append(reidentify.judged(rng.normal(size=(8, 30)), parts))
    stated = reidentify.summary(gathered[0])
    for name, column in {"top1": "top1", "top5": "top5", "mAP": "AP"}.items():
        values = pd.concat(gathered)[column]
        assert abs(values.mean() - stated[name]["chance"]) < 4 * values.std() / np.sqrt(len(values))
    for k in (1, 5):  # every individual asks once, so that one of them gets each of the k places
        assert stated[f"top{k}"]["chance"] == pytest.approx(k / 8)


def test_intervals_resample_individuals_and_need_a_known_one():
    rng = np.random.default_rng(4)
    parts = made([(f"t{i}", 1) for i in range(4)], [(f"t{i}", day) for i in range(4) for day in range(2, 12)])
    right = np.repeat(np.eye(4)[[0, 1, 3, 2]], 10, axis=0) + rng.normal(size=(40, 4)) / 100
    rows = reidentify.judged(right, parts)
    found = reidentify.summary(rows, seed=1)
    expected = metrics.bootstrap(rows["top1"], rows["identity"], seed=1)
    assert {key: found["top1"][key] for key in expected} == expected and expected["mean"] == 0.5
    assert expected["ci_high"] - expected["ci_low"] > 0.9  # four individuals, not forty photographs
    with pytest.raises(ValueError, match="none of 40 queries"):
        reidentify.summary(rows.assign(known=False))


# rejecting


def judged_like(known, score, top1=None, identity=None):
    known = np.asarray(known, bool)
    identity = identity if identity is not None else [f"t{i}" for i in range(len(known))]
    top1 = np.where(known, 1.0 if top1 is None else top1, np.nan)
    return pd.DataFrame({"identity": identity, "known": known, "named": "x", "score": score, "top1": top1})


def two_kinds(rng, n):
    known = rng.random(n) < 0.5
    known[:2] = True, False
    return known, rng.integers(0, 6, n) / 5 + 0.3 * known * rng.integers(0, 2, n)


def test_auroc_agrees_with_scikit_learn_ties_included():
    rng = np.random.default_rng(5)
    for _ in range(300):
        known, score = two_kinds(rng, rng.integers(2, 30))
        assert reidentify.auroc(known, score) == pytest.approx(roc_auc_score(known, score))


def test_the_threshold_is_the_highest_of_those_with_the_best_balanced_accuracy():
    rng = np.random.default_rng(6)
    for _ in range(300):
        known, score = two_kinds(rng, rng.integers(2, 20))
        worth = {t: ((score[known] >= t).mean() + (score[~known] < t).mean()) / 2 for t in [*score, np.inf]}
        best = max(t for t, value in worth.items() if value > max(worth.values()) - 1e-12)
        assert reidentify.threshold(judged_like(known, score)) == best


def test_a_threshold_between_two_kinds_rejects_all_of_one():
    rows = judged_like([True, True, False, False], [0.9, 0.8, 0.3, 0.2])
    least = reidentify.threshold(rows)
    found = reidentify.rejection(rows, least)
    assert least == 0.8 and all(found[name]["mean"] == 1 for name in found)


def slow_open(rows, threshold):
    """BAKS, BAUS and their geometric mean by loops."""
    shares = {True: [], False: []}
    for name in set(rows["identity"]):
        own = [row for row in rows.to_dict("records") if row["identity"] == name]
        good = [(r["score"] >= threshold and r["top1"] == 1) if r["known"] else r["score"] < threshold for r in own]
        shares[own[0]["known"]].append(sum(good) / len(good))
    baks, baus = (sum(part) / len(part) for part in (shares[True], shares[False]))
    return {"BAKS": baks, "BAUS": baus, "open": (baks * baus) ** 0.5}


def test_balanced_accuracies_count_individuals_as_a_loop_does():
    rng = np.random.default_rng(7)
    for _ in range(120):
        n = int(rng.integers(4, 40))
        identity = rng.integers(0, 6, n)
        identity[:2] = 0, 5
        rows = judged_like(identity < 3, rng.random(n).round(1), rng.integers(0, 2, n), [f"t{i}" for i in identity])
        found = reidentify.rejection(rows, 0.5, n=20)
        for name, value in slow_open(rows, 0.5).items():
            assert found[name]["mean"] == pytest.approx(value)
            assert -1e-9 <= found[name]["ci_low"] <= found[name]["ci_high"] <= 1 + 1e-9
        answers = rows["score"] >= 0.5
        assert found["kept"]["mean"] == pytest.approx(answers[rows["known"]].mean())
        assert found["rejected"]["mean"] == pytest.approx(1 - answers[~rows["known"]].mean())


def test_answers_below_the_threshold_are_withheld():
    rows = judged_like([True, True, True, False, False], [0.9, 0.9, 0.1, 0.9, 0.1], [1, 0, 1, 0, 0])
    found = reidentify.answered(rows, 0.5)
    assert found["answer"].tolist() == ["x", "x", None, "x", None]
    assert found["right"].tolist() == [True, False, False, False, True]
    assert "answer" not in rows


@pytest.mark.parametrize(
    ("known", "score", "match"),
    [
        ([True, True], [0.1, 0.2], "all 2 queries are of known"),
        ([False], [0.1], "all 1 queries are of unknown"),
        ([True, False], [np.nan, 0.1], "without NaN"),
    ],
)
def test_rejection_needs_both_kinds_and_numbers(known, score, match):
    rows = judged_like(known, score)
    for call in (lambda: reidentify.threshold(rows), lambda: reidentify.rejection(rows, 0.5)):
        with pytest.raises(ValueError, match=match):
            call()
    with pytest.raises(ValueError, match="two equal rows"):
        reidentify.auroc([True, False], [0.1])


def test_a_threshold_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        reidentify.rejection(judged_like([True, False], [0.1, 0.2]), np.nan)


# asking


def shell(seed, edge=96):
    """A picture full of corners that only this seed has."""
    rng = np.random.default_rng(seed)
    pixels = np.full((edge, edge, 3), 128, np.uint8)
    for _ in range(50):
        x, y, width, height = *rng.integers(0, edge - 8, 2), *rng.integers(4, 20, 2)
        pixels[y : y + height, x : x + width] = rng.integers(0, 256, 3)
    return Image.fromarray(pixels)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Three turtles with shells of their own on grounds of other colours; photographs of one day share the ground."""
    folder, rows = tmp_path_factory.mktemp("turtles"), []
    for i, day in itertools.product(range(3), (1, 2)):
        colour = [(220, 40, 40), (40, 220, 40), (40, 40, 220)][(i + day) % 3]
        picture = Image.new("RGB", (220, 180), colour)
        corner = (20 + 30 * day, 10 + 20 * i)
        picture.paste(shell(i).rotate(10 * day), corner)
        path = folder / f"{i}-{day}.png"
        picture.save(path)
        box = [float(side) for side in (*corner, corner[0] + 96, corner[1] + 96)]
        small = {"box_xyxy": [0.0, 0.0, 20.0, 20.0], "label": "turtle", "crowd": False}
        boxes = [small, {"box_xyxy": box, "label": "turtle", "crowd": False}]
        facts = {"date": f"2020-01-0{day}", "splits": {}, "width": 220, "height": 180}
        rows.append(photo(f"t{i}", day, path=str(path), boxes=boxes, facts=facts))
    return table(rows)


@pytest.fixture(scope="module")
def few(photographs):
    return reidentify.parts(photographs, "latest")


def test_items_are_paths_or_the_largest_box(photographs):
    assert reidentify.items(photographs) == list(photographs["path"])
    for item, row in zip(reidentify.items(photographs, "turtle", 0.0, "tight"), photographs.itertuples(), strict=True):
        assert item == (row.path, row.boxes[1]["box_xyxy"], "tight")


def test_a_picture_without_the_box_stays_whole_and_is_counted(photographs):
    bare = photographs.assign(boxes=[[], *photographs["boxes"][1:]])
    with pytest.warns(UserWarning, match="1 pictures without a box 'turtle' stay whole"):
        found = reidentify.items(bare, "turtle")
    assert found[0] == photographs["path"][0] and isinstance(found[1], tuple)
    with pytest.raises(ValueError, match="no box has the label 'fin'"):
        reidentify.items(photographs, "fin")


def test_embeddings_are_compared_by_their_cosines_and_by_their_boxes(few):
    whole, boxed = reidentify.by_embedding(HSV, few), reidentify.by_embedding(HSV, few, "turtle", 0.0, "tight")
    asked, known = (embed.images(HSV, list(part["path"])) for part in (few.queries, few.database))
    assert whole.dtype == np.float32 and whole == pytest.approx(asked @ known.T, abs=1e-6)
    assert reidentify.summary(reidentify.judged(whole, few))["top1"]["mean"] < 0.5  # the ground misleads
    assert reidentify.summary(reidentify.judged(boxed, few))["top1"]["mean"] == 1


def test_keypoints_find_the_shell_on_another_ground(few):
    scores = reidentify.by_keypoints(few, box="turtle", margin=0.0)
    paths = list(few.database["path"])
    for i, row in enumerate(few.queries.itertuples()):
        assert scores[i].tolist() == (1 + classical.rerank(row.path, paths, box=row.boxes[1]["box_xyxy"])).tolist()
    assert reidentify.summary(reidentify.judged(scores, few))["top1"]["mean"] == 1


def test_keypoints_reorder_the_first_alone_and_leave_out_the_own_encounter(photographs):
    parts = reidentify.Parts(photographs, photographs)
    scores = reidentify.by_embedding(HSV, parts)
    found = reidentify.by_keypoints(parts, scores, first=2)
    compared = found >= 1
    assert (compared.sum(axis=1) == 2).all() and not (compared & reidentify.hidden(parts)).any()
    for i in range(len(scores)):
        order = [j for j in np.argsort(-scores[i], kind="stable") if not reidentify.hidden(parts)[i, j]]
        assert set(np.flatnonzero(compared[i])) == set(order[:2])
        left = np.array(order[2:])
        assert (np.diff(found[i][left]) <= 0).all() and (found[i][left] <= 0.5).all()


def test_photographs_of_the_own_encounter_are_never_compared(photographs):
    parts = reidentify.Parts(photographs, photographs)
    for scores in (None, np.zeros((6, 6))):
        found = reidentify.by_keypoints(parts, scores, first=99)
        assert ((found >= 1) == ~reidentify.hidden(parts)).all()


def test_of_equally_many_matches_the_better_cosine_comes_first(few):
    scores = np.array([[0.1, 0.3, 0.2]] * 3)
    found = reidentify.by_keypoints(few, scores, ratio=0.01)  # nothing matches
    assert (np.argsort(-found, axis=1) == [1, 2, 0]).all() and found.max() == 1.5


@pytest.mark.parametrize(("arguments", "match"), [({"first": 0}, "first is 0"), ({"ratio": 2}, "ratio is 2")])
def test_bad_settings_of_keypoints_are_refused(few, arguments, match):
    with pytest.raises(ValueError, match=match):
        reidentify.by_keypoints(few, **arguments)


def test_scores_of_other_parts_cannot_be_reranked(few):
    with pytest.raises(ValueError, match="3 queries and 3 photographs"):
        reidentify.by_keypoints(few, np.zeros((3, 4)))


def test_the_same_call_gives_the_same_scores(few):
    assert (reidentify.by_keypoints(few) == reidentify.by_keypoints(few)).all()


def test_a_picture_that_cannot_be_read_is_named(few):
    gone = few._replace(queries=few.queries.assign(path="gone.png"))
    with pytest.raises(ValueError, match=r"gone\.png"):
        reidentify.by_embedding(HSV, gone)


def test_nothing_is_written_outside_the_artifacts(few, reef_out):
    reidentify.by_embedding(HSV, few)
    assert {path.name for path in reef_out.iterdir()} == {config.load().artifacts_dir.name}
