"""The three miniatures that read and write English, and the grammar and the reader that they are made and judged with."""

import copy
import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from unseen_sentences import SENTENCES

from models import blip, captioning, english, graft, labels, llama, spacy_pipeline, task, train, wordpieces
from models.english import tree
from utils import reef
from utils.captions import facts
from utils.reef import language, mixture, paraphrase, reading, world

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A training set of 24 scenes."""
    return reef.training_set(tmp_path_factory.mktemp("scenes"), 24, 710_001, workers=1)


def small(slot):
    recipe = copy.deepcopy(train.recipe_of(slot))
    if slot == "llama":
        recipe["architecture"] |= {"width": 32, "layers": 1, "heads": 2, "mlp": 48}
    if slot == "blip":
        recipe["architecture"]["image_size"] = 48
        recipe["architecture"]["vision"] |= {"width": 32, "layers": 2, "heads": 2, "mlp": 64, "patch": 12}
        recipe["architecture"]["text"] |= {"width": 32, "layers": 1, "heads": 2, "mlp": 48}
    return recipe


# Reading


@pytest.fixture(scope="module")
def described():
    """Captions of all levels of scenes that were only planned, with their claims."""
    truths = [paraphrase.imagined(8_400_000 + i) for i in range(150)]
    rng = np.random.default_rng(4)
    return [world.describe(truth, rng, level) for truth in truths for level in language.LEVELS]


def test_reading_is_the_inverse_of_describing(described):
    for caption in described:
        read = reading.read(caption["caption"])
        assert "unknown" not in read, caption
        assert reading.spoken(read) == reading.spoken(caption["claims"], caption["caption"]), caption


@pytest.mark.parametrize("sort", ["fish", "landmark", "painting", "emotion"])
def test_captions_of_every_setting_are_read_and_paraphrased(sort):
    rng = np.random.default_rng(0)
    for seed in range(2):
        _, truth = world.record(mixture.scene_of(sort, 8_500_000 + seed, (96, 96)), "", "", masks=False)
        for caption in truth["captions"]:
            wanted = reading.spoken(caption["claims"], caption["caption"])
            assert reading.spoken(reading.read(caption["caption"])) == wanted, caption
            other = paraphrase.paraphrase(caption["caption"], rng)
            assert reading.spoken(reading.read(other)) == wanted, other


def test_a_sentence_is_read_fact_by_fact():
    sentence = "an adult green turtle with a net on its shell swims over sand to the left of two red cans at night"
    assert reading.read(sentence) == {
        "things": [
            {"kind": "turtle", "count": 1, "stage": "adult", "species": "green", "states": ["net"], "action": "swimming"},
            {"kind": "can", "count": 2, "colour": "red"},
        ],
        "place": "sand", "relation": ["turtle", "left of", "can"], "light": "dark",
    }  # fmt: skip
    assert reading.read("nothing but water in murky water") == {"nothing": True, "clarity": "murky"}
    assert reading.read("a car that is red")["things"] == [{"kind": "car", "count": 1, "colour": "red"}]
    assert reading.read("an awe - inspiring picture of a starry sky") == {"emotion": "awe", "motif": "a starry sky"}
    assert reading.read("a happy turtle")["unknown"] == ["happy"]


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [
        ("a red car beside a dog", "a dog next to a red car", True),
        ("a car to the left of a dog", "a dog to the right of a car", True),
        ("a car to the left of a dog", "a car to the right of a dog", False),
        ("a red car", "a car", False),
        ("two cars", "three cars", False),
        ("a turtle swims over sand", "a turtle rests over sand", False),
        ("a turtle with a net on its shell", "a turtle with algae on its shell", False),
        ("a turtle in clear water", "a turtle in murky water", False),
        ("a dog at night", "a dog", False),
        ("a person in a red shirt", "a person wearing a red shirt", True),
        ("a dog", "a lovely dog", False),
    ],
)
def test_sentences_are_the_same_if_their_facts_are(first, second, equal):
    assert reading.same(first, second) is equal


# Paraphrases


def test_a_paraphrase_keeps_every_fact_in_other_words(described):
    rng = np.random.default_rng(0)
    for caption in described:
        other = paraphrase.paraphrase(caption["caption"], rng)
        assert other != caption["caption"]
        assert reading.spoken(reading.read(other)) == reading.spoken(caption["claims"], caption["caption"]), other


def test_paraphrases_of_one_caption_are_many():
    rng = np.random.default_rng(0)
    caption = "a juvenile hawksbill turtle carrying barnacles swims over a reef in clear water"
    assert len({paraphrase.paraphrase(caption, rng) for _ in range(50)}) > 40


def test_what_is_not_in_the_words_of_captions_is_not_paraphrased():
    with pytest.raises(ValueError, match="not in the words"):
        paraphrase.paraphrase("a happy turtle", np.random.default_rng(0))


# Annotated English


@pytest.fixture(scope="module")
def written():
    return [english.sentence(np.random.default_rng([3, i])) for i in range(400)]


def test_every_sentence_is_one_projective_tree(written):
    for made in written:
        heads = made["heads"]
        assert sum(i == head for i, head in enumerate(heads)) == 1
        arcs = [(min(i, head), max(i, head)) for i, head in enumerate(heads) if i != head]
        assert not any(a < c < b < d for a, b in arcs for c, d in arcs), made
        assert len(made["words"]) == len(made["tags"]) == len(made["deps"]) == len(made["spaces"])
        assert set(made["tags"]) <= set(spacy_pipeline.POS)


def test_entities_span_the_names_of_the_word_lists(written):
    names = [name for key in ("species", "sites", "landmarks") for name in tree.words()[key]]
    names = {form.lower() for name in names for form in (name, tree.plural(name))}
    found = {" ".join(made["words"][start:end]).lower() for made in written for start, end, _ in made["entities"]}
    assert len(found) > 20 and found <= names


def test_the_grammar_can_annotate_all_phrases_of_the_captions():
    tables = (language.PLACES, language.LIGHT, language.CLARITY, language.CAMERA, language.STATES)
    phrases = [phrase for table in tables for options in table.values() for phrase in options]
    for phrase in phrases:
        assert " ".join(node.word for top in tree.phrase(phrase) for node in top.walk()) == phrase
    (top,) = tree.phrase("with a net on its shell")
    heads = {child.word: node.word for node in top.walk() for child in (*node.left, *node.right)}
    assert heads == {"net": "with", "a": "net", "on": "net", "shell": "on", "its": "shell"}


# spaCy


@pytest.mark.slow
def test_the_pipeline_trains_and_is_read_by_spacy(tmp_path, monkeypatch):
    import spacy

    recipe = copy.deepcopy(train.recipe_of("spacy"))
    recipe["architecture"] |= {"width": 32, "rows": 320, "depth": 2}
    recipe["smoke"] |= {"images": 970, "evaluation_images": 20}
    recipe["budget"] |= {"initial": 600, "batch": 24}
    monkeypatch.setattr(train, "recipe_of", lambda slot: recipe)
    card = train.train("spacy", tmp_path, tmp_path, smoke=True)
    figures, plan = card["figures"], card["recipe"]["training"]
    assert (plan["steps"], plan["batch"], plan["sentences"], card["examples"]) == (40, 24, 960, 960)
    page = (tmp_path / "README.md").read_text()
    assert "960 annotated sentences" in page and "40 steps of 24, rate 0.004" in page and "jsonl" not in page
    pipeline = spacy.load(tmp_path)
    doc = pipeline("the red car on the left")
    assert {token.pos_ for token in doc} <= {*spacy_pipeline.POS.values()} and doc.has_annotation("DEP")
    assert list(doc.noun_chunks)
    assert all(0 <= f["ci_low"] <= f["value"] <= f["ci_high"] <= 1 for f in figures)
    root = next(f for f in figures if f["metric"] == "root")
    assert root["value"] > 0.2


@pytest.mark.slow
def test_a_signal_stops_the_pipeline_and_leaves_what_was_there(tmp_path, monkeypatch, capsys):
    recipe = copy.deepcopy(train.recipe_of("spacy"))
    recipe["architecture"] |= {"width": 32, "rows": 320, "depth": 1}
    recipe["budget"] |= {"initial": 600}
    monkeypatch.setattr(train, "recipe_of", lambda slot: recipe)
    monkeypatch.setattr(spacy_pipeline, "examples", signalled(spacy_pipeline.examples))
    (tmp_path / "card.json").write_text("{}")
    assert train.main(["spacy", "--smoke", "--out", str(tmp_path)]) == 143
    assert [path.name for path in tmp_path.iterdir()] == ["card.json"]
    assert "the same command starts again" in capsys.readouterr().err


def signalled(examples):
    """Sends a SIGTERM to the process itself with the first example that is learned."""

    def stream(vocab, seed, count, tag, *rest):
        if tag == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        yield from examples(vocab, seed, count, tag, *rest)

    return stream


def test_what_the_pipeline_cannot_heed_is_refused(tmp_path):
    with pytest.raises(ValueError, match="spacy takes no --minutes, --steps, --images, --start, --resume"):
        train.train("spacy", tmp_path / "out", tmp_path, minutes=1, steps=2, images=3, start=tmp_path, resume=True)
    assert not list(tmp_path.iterdir())


def test_the_root_noun_is_what_a_sentence_is_about():
    import spacy
    from spacy.tokens import Doc

    words = ["the", "dog", "chases", "a", "cat"]
    doc = Doc(spacy.blank("en").vocab, words=words, heads=[1, 2, 2, 4, 2], deps=["det", "nsubj", "ROOT", "det", "dobj"],
              pos=["DET", "NOUN", "VERB", "DET", "NOUN"])  # fmt: skip
    assert spacy_pipeline.root_noun(doc) == "dog"
    assert spacy_pipeline.chunks(doc) == ["the dog", "a cat"]


@pytest.fixture(scope="module")
def pipeline():
    """The pipeline that lies in models/."""
    import spacy

    if not (ROOT / "models/spacy/card.json").exists():
        pytest.skip("models/spacy is not made yet")
    return spacy.load(ROOT / "models/spacy")


def test_the_miniature_is_sane_on_sentences_of_a_person(pipeline):
    docs = [(pipeline(sentence), noun, chunks) for sentence, noun, chunks in SENTENCES]
    assert len(docs) == 50
    assert np.mean([spacy_pipeline.root_noun(doc) == noun for doc, noun, _ in docs]) >= 0.8
    found = [set(spacy_pipeline.chunks(doc)) for doc, _, _ in docs]
    wanted = [{chunk.lower() for chunk in chunks} for _, _, chunks in docs]
    hits = sum(len(f & w) for f, w in zip(found, wanted, strict=True))
    assert hits / sum(map(len, wanted)) >= 0.8 and hits / sum(map(len, found)) >= 0.8


def test_the_miniature_finds_the_noun_of_referring_expressions(pipeline):
    from utils.reef import expressions, gatherings

    said = []
    for seed in range(9_600_000, 9_600_012):
        _, truth = world.record(gatherings.referring_scene(seed), "", "", ("coarse",), masks=False)
        said += expressions.refer(truth, np.random.default_rng(seed))
    right = [
        spacy_pipeline.root_noun(pipeline(one[key])) == one["noun"].split()[-1]
        for one in said
        for key in ("raw", "sentence")
    ]
    assert len(right) > 20 and np.mean(right) >= 0.95


# Llama


@pytest.fixture(scope="module")
def writer(folder):
    return llama.Task(small("llama"), folder)


@pytest.mark.parametrize(
    "text", ["a turtle swims", "A  Turtle, 2 of them!\n", "Wörld 🐢\tx", "", "there is", "<b>&amp;"]
)
def test_every_text_comes_back_from_its_tokens(writer, text):
    ids = writer.tokenizer(text, add_special_tokens=False)["input_ids"]
    assert writer.tokenizer.decode(ids) == text


def test_words_of_captions_are_one_token_each(writer):
    caption = "an adult loggerhead turtle overgrown with algae is resting in a seagrass meadow"
    assert len(writer.tokenizer(" " + caption, add_special_tokens=False)["input_ids"]) == len(caption.split())


def test_only_the_answer_is_learned_and_it_is_a_paraphrase(writer):
    ids, labels = writer.batch(3, 8)
    for row, answer in zip(ids, labels, strict=True):
        asked = writer.tokenizer.decode(row[: int((answer != llama.IGNORED).nonzero()[0])])
        said = writer.tokenizer.decode(answer[answer != llama.IGNORED])
        caption = asked.split(llama.USER.format(""))[1].split(llama.END)[0]
        assert asked.endswith(f"{llama.HEAD}assistant{llama.SHUT}") and said.endswith(llama.END)
        assert reading.same(caption, said.removesuffix(llama.END))


def test_a_batch_of_chats_is_a_function_of_its_step(writer):
    assert torch.equal(writer.batch(5, 4)[0], writer.batch(5, 4)[0])
    assert not torch.equal(writer.batch(5, 4)[0][:, :30], writer.batch(6, 4)[0][:, :30])


def test_the_llama_folder_is_read_by_transformers_and_computes_the_same(writer, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = writer.build()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    first = float(writer.loss(model, writer.batch(0, 8)).detach())
    for _ in range(15):
        loss = writer.loss(model, writer.batch(0, 8))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.8 * first
    writer.export(model.eval(), tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    assert type(loaded).__name__ == "LlamaForCausalLM"
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    text = tokenizer.apply_chat_template(llama.chat("a turtle"), tokenize=False, add_generation_prompt=True)
    assert text == writer.tokenizer.apply_chat_template(
        llama.chat("a turtle"), tokenize=False, add_generation_prompt=True
    )
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    assert tokenizer.decode(ids[0]) == text
    with torch.inference_mode():
        torch.testing.assert_close(loaded(ids).logits, model(ids).logits, atol=0.05, rtol=0.05)
    figures = llama.Task.evaluate(tmp_path, writer.recipe, 3, 5)
    assert {f["metric"] for f in figures} == {"facts kept", "differs", "distinct"}


def test_the_real_llama_fits_its_slot(folder):
    recipe = train.recipe_of("llama")
    model = llama.Task(recipe, folder).build()
    weights = 2 * sum(weight.numel() for weight in model.parameters())
    assert weights + 300_000 < recipe["max_bytes"]


# BLIP


@pytest.fixture(scope="module")
def painter(folder):
    return blip.Task(small("blip"), folder)


def test_a_batch_of_pictures_is_a_function_of_its_step_and_its_captions_are_true(painter):
    first, again = painter.batch(2, 6), painter.batch(2, 6)
    assert all(torch.equal(a, b) for a, b in zip(first[:-1], again[:-1], strict=True))
    pixels, ids, labels, whole, local, kept = first
    assert kept is None
    assert pixels.shape == (6, 3, 48, 48) and whole.shape == (6, painter.whole.shape[1])
    assert local.shape == (6, painter.grid**2, painter.local.shape[1])
    truths = [painter.truths[row] for row in painter.shown[task.rows_of(2, 6, painter.size, 0)]]
    sentences = painter.processor.tokenizer.batch_decode(ids, skip_special_tokens=True)
    assert all(
        figure["value"] == 1.0
        for figure in captioning.judge(sentences, truths)
        if figure["n"] and figure["metric"] != "recall"
    )
    assert (ids[:, 0] == painter.processor.tokenizer.convert_tokens_to_ids("[DEC]")).all()
    assert ((labels == blip.IGNORED) == (ids == painter.processor.tokenizer.pad_token_id)).all()


def test_at_the_end_the_encoder_rests_and_the_decoder_reads_several_captions(painter, monkeypatch):
    monkeypatch.setattr(painter, "plan", {"steps": 10, "decoder": 0.2, "captions": 3, "rate": 1.0, "warmup": 0.5})
    assert len(painter.batch(7, 6)[1]) == 6 and len(painter.batch(8, 6)[1]) == 18
    rates = [painter.rate(step, painter.plan) for step in range(10)]
    assert rates[3] == 1.0 and rates[7] < 0.2 and rates[8] == 1.0  # each part has a warm-up and a cosine of its own
    model = painter.build()
    painter.loss(model, painter.batch(8, 6)).backward()
    learned = {name.split(".")[1] for name, weight in model.named_parameters() if weight.grad is not None}
    assert learned == {"text_decoder"}


def test_turtles_with_states_are_shown_twice_as_often_as_the_rest(folder, tmp_path):
    images, truths = task.scenes(folder)
    turtles = [
        row for row, truth in enumerate(truths) if any(t["kind"] == "turtle" and t["seen"] for t in truth["objects"])
    ]
    for row, truth in enumerate(truths):
        for thing in truth["objects"]:
            thing["states"] = ["net"] if row in turtles[1:] or thing["kind"] != "turtle" else []
    np.save(tmp_path / "images.npy", images)
    (tmp_path / "truth.jsonl").write_text("".join(json.dumps(truth) + "\n" for truth in truths))
    times = np.bincount(blip.Task(small("blip"), tmp_path).shown, minlength=len(images))
    assert len(turtles) > 1 and set(np.flatnonzero(times == 2)) == set(turtles[1:]) and set(times) == {1, 2}


def test_at_first_the_encoder_sees_a_part_of_the_patches_and_the_head_is_asked_about_these(painter, monkeypatch):
    monkeypatch.setattr(painter, "plan", {"steps": 10, "decoder": 0.2, "captions": 1})
    batch = painter.batch(0, 6)
    assert batch[-1].shape == (6, painter.grid**2 // 2) and painter.batch(6, 6)[-1] is None
    model, asked = painter.build(), []
    model["local"].register_forward_hook(lambda module, given, scores: asked.append(scores.shape[1]))
    painter.loss(model, batch)
    assert asked == [painter.grid**2 // 2]
    everything = torch.arange(painter.grid**2).repeat(6, 1)
    losses = [painter.loss(model, (*batch[:-1], kept)) for kept in (None, everything)]
    torch.testing.assert_close(*losses)


def test_a_thing_lies_where_its_box_is_in_the_view(painter):
    alone = [row for row in range(painter.size) if painter.first[row + 1] - painter.first[row] == 1]
    row = next(row for row in alone if painter.local[painter.first[row]].any())
    box, said = painter.boxes[painter.first[row]], painter.local[painter.first[row]]
    whole, mirrored = np.float32([[1, 0], [1, 0]]), np.float32([[-1, 0], [1, 0]])
    cells = painter._local(row, whole)[:, said].reshape(painter.grid, painter.grid, -1)
    assert said.any() and (cells == cells[..., :1]).all() and cells.any()
    middle = ((box[:2] + box[2:]) / 2 * painter.grid).astype(int)
    assert cells[middle[1], middle[0]].all() and not painter._local(row, whole)[:, ~said].any()
    other = painter._local(row, mirrored)[:, said].reshape(cells.shape)
    assert (other == cells[:, ::-1]).mean() > 0.9
    away = np.float32([[0.05, -0.95 if middle[0] > painter.grid / 2 else 0.95], [0.05, 0]])
    assert not painter._local(row, away).any()


def test_a_box_covers_the_cells_that_it_fills_and_a_small_one_the_cell_it_stands_in():
    top, dot = labels.covered(np.array([[0.5, 0.25, 1.0, 0.5], [0.3, 0.6, 0.02, 0.02]]), 4)
    assert top[:2].all() and not top[2:].any()
    assert dot.sum() == 1 and dot[2, 1]
    small = np.concatenate([np.random.default_rng(0).uniform(0.1, 0.9, (500, 2)), np.full((500, 2), 0.05)], 1)
    assert labels.covered(small, 8).any((1, 2)).all()


def test_pictures_whose_caption_names_a_side_are_not_mirrored(painter, monkeypatch):
    allowed = []
    whole = np.tile(np.float32([1, 0]), (12, 2, 1))
    monkeypatch.setattr(blip, "views", lambda images, flip, *rest: (allowed.extend(flip) or images.float(), whole))
    said = []
    for step in range(12):
        ids = painter.batch(step, 12)[1]
        said += painter.processor.tokenizer.batch_decode(ids, skip_special_tokens=True)
    assert allowed == [not ("left" in text or "right of" in text) for text in said] and any(allowed)


def test_fine_captions_of_turtles_are_judged_perfect_and_wrong_ones_are_not(folder):
    truths = [truth for truth in task.scenes(folder)[1] if any(thing["seen"] for thing in truth["objects"])]
    right = [world.describe(truth, np.random.default_rng(1), "fine")["caption"] for truth in truths]
    figures = {(f["task"], f["metric"]): f for f in captioning.judge(right, truths)}
    for key in (("main kind", "recall"), ("kinds", "precision"), ("colours", "precision"), ("all claims", "share")):
        assert figures[key]["value"] == 1.0 and figures[key]["n"] > 3, key
    wrong = {
        (f["task"], f["metric"]): f["value"]
        for f in captioning.judge(["a purple unicorn in the sea"] * len(truths), truths)
    }
    assert wrong["main kind", "recall"] == wrong["all claims", "share"] == 0.0


def test_states_are_counted_for_and_against():
    turtle = {"kind": "turtle", "states": ["net", "hook"], "seen": True, "area": 9.0, "box_xyxy": [0, 0, 3, 3],
              "attributes": {"species": "green", "stage": "adult", "action": "swimming"}}  # fmt: skip
    truth = {"facts": {"scene": "sea", "place": "sand", "light": "bright"}, "objects": [turtle]}
    found = facts.compare(reading.read("a turtle with a net on its shell and with algae on its shell"), truth)
    assert sorted(found["turtle states", "precision"]) == [0.0, 1.0]
    assert sorted(found["turtle states", "recall"]) == [0.0, 1.0]
    assert found["main kind", "recall"] == [1.0] and found["all claims", "share"] == [0.0]
    several = facts.compare(reading.read("two turtles"), truth | {"objects": [turtle, turtle]})
    assert several["turtle states", "recall"] == []


def test_the_blip_folder_is_read_by_transformers_and_computes_the_same(painter, tmp_path):
    from transformers import AutoProcessor, BlipForConditionalGeneration

    model = painter.build()
    batch = painter.batch(0, 8)
    loss = painter.loss(model, batch)
    loss.backward()
    assert torch.isfinite(loss) and all(
        w.grad is not None for head in ("whole", "local") for w in model[head].parameters()
    )
    untouched = [name for name, w in model["blip"].named_parameters() if w.grad is None]
    assert untouched == []
    painter.export(model.eval(), tmp_path)
    loaded = BlipForConditionalGeneration.from_pretrained(tmp_path, dtype=torch.float32).eval()
    processor = AutoProcessor.from_pretrained(tmp_path)
    assert (
        processor.tokenizer("a green turtle")["input_ids"] == painter.processor.tokenizer("a green turtle")["input_ids"]
    )
    pixels = processor(images=list(painter.images[:2]), return_tensors="pt")["pixel_values"]
    assert pixels.shape == (2, 3, 48, 48)
    with torch.inference_mode():
        mine, its = (one.vision_model(pixel_values=pixels).last_hidden_state for one in (model["blip"], loaded))
        torch.testing.assert_close(mine, its, atol=0.02, rtol=0.02)
    heir = blip.build(painter.recipe["architecture"], painter.processor.tokenizer, np.full(3, 0.5), np.full(2, 0.5), 1)
    painter.begin(heir, tmp_path)
    for name, weight in loaded.state_dict().items():
        assert torch.equal(heir["blip"].state_dict()[name], weight), name
    said = captioning.captions(tmp_path, painter.images[:3])
    assert len(said) == 3 and all(isinstance(text, str) for text in said)


def test_whole_pictures_look_to_the_processor_as_they_do_in_training(painter):
    pixels = painter._pixels(np.arange(2), 48)
    again = painter.processor(images=list(painter.images[:2]), return_tensors="pt")["pixel_values"]
    assert float((pixels - again).abs().mean()) < 0.12


def test_layers_of_a_clip_tower_compute_the_same_in_blip():
    from transformers import CLIPVisionConfig, CLIPVisionModel

    sizes = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 48,
    }
    torch.manual_seed(0)
    tower = CLIPVisionModel(CLIPVisionConfig(**sizes, patch_size=12, hidden_act="quick_gelu")).eval()
    tower = getattr(tower, "vision_model", tower)
    torch.nn.init.normal_(tower.embeddings.position_embedding.weight, std=0.5)
    recipe = small("blip")
    words = wordpieces.make_processor([], recipe["architecture"]).tokenizer
    vision = blip.build(recipe["architecture"], words, np.full(3, 0.5), np.full(2, 0.5))["blip"].vision_model.eval()
    pixels = torch.randn(4, 3, 48, 48)
    graft.from_clip(vision, tower, pixels)
    hidden = torch.randn(2, 17, 32)
    with torch.inference_mode():
        for mine, other in zip(vision.encoder.layers, tower.encoder.layers, strict=True):
            one, two = mine(hidden), other(hidden, None)
            one, two = (x[0] if isinstance(x, tuple) else x for x in (one, two))
            torch.testing.assert_close(one, two, atol=1e-4, rtol=1e-4)
        embedded, wanted = vision.embeddings(pixels), tower.pre_layrnorm(tower.embeddings(pixels))
        assert torch.corrcoef(torch.stack([embedded.flatten(), wanted.flatten()]))[0, 1] > 0.97


def test_the_real_blip_fits_its_slot(painter):
    recipe = train.recipe_of("blip")
    model = blip.build(recipe["architecture"], painter.processor.tokenizer, np.full(3, 0.5), np.full(2, 0.5))
    weights = 2 * sum(weight.numel() for weight in model["blip"].parameters())
    assert weights + 150_000 < recipe["max_bytes"]
