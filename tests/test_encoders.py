"""Loading, preprocessing and encoding, on tiny random models of every native format."""

import json
import os
import pickle
import shutil
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from utils import config, encoders
from utils.encoders import formats, placement
from utils.encoders.preprocess import Preprocess

WORDS = [
    "a turtle with a net on its shell rests on sand",
    "a dog runs behind a red bus",
    "fish in the blue sea",
]
START, END = "<|startoftext|>", "<|endoftext|>"


def small_tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(unk_token=END))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(WORDS, trainers.BpeTrainer(vocab_size=120, special_tokens=[START, END]))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(START, 0), (END, 1)]
    )
    tokens = {"bos_token": START, "eos_token": END, "pad_token": END, "unk_token": END}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **tokens)


def save_hugging_face(folder, end=1):
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    torch.manual_seed(0)
    shape = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    text = {
        **shape,
        "vocab_size": 120,
        "max_position_embeddings": 12,
        "eos_token_id": end,
        "bos_token_id": 0,
    }
    vision = {**shape, "image_size": 32, "patch_size": 8}
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)).half().save_pretrained(folder)
    small_tokenizer().save_pretrained(folder)
    CLIPImageProcessor(size={"shortest_edge": 40}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def openai_state(vision_layers=2, vision_width=64, patch=16):
    from clip.model import CLIP

    torch.manual_seed(0)
    model = CLIP(16, 64, vision_layers, vision_width, patch, 77, 49408, 64, 1, 1)
    for (
        name,
        parameter,
    ) in model.named_parameters():  # clip starts some norms at 0, which would hide mistakes
        is_norm = parameter.ndim == 1 and name.endswith("weight")
        torch.nn.init.normal_(parameter, mean=float(is_norm), std=0.2)
    return {name: tensor.half() for name, tensor in model.state_dict().items()}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    from safetensors.torch import save_file

    root = tmp_path_factory.mktemp("models")
    save_hugging_face(root / "hf")
    torch.save(openai_state(), root / "vit.pt")
    (root / "rn").mkdir()
    save_file(openai_state((1, 1, 1, 1), 4, None), root / "rn" / "model.safetensors")
    return {"hf": root / "hf", "vit": root / "vit.pt", "rn": root / "rn"}


@pytest.fixture(autouse=True)
def out(tmp_path, monkeypatch):
    monkeypatch.setenv("REEF_OUT", str(tmp_path / "out"))
    return tmp_path / "out"


@pytest.fixture(params=["hf", "vit", "rn"])
def encoder(request, folders):
    return encoders.load(folders[request.param], device="cpu", precision="fp32")


def photo(width, height, seed=0):
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def pixels(encoder, n):
    return torch.stack([encoder.preprocess(photo(70, 50, seed)) for seed in range(n)])


def test_every_format_gives_unit_float32_rows_in_one_space(encoder):
    image_emb, text_emb = (
        encoder.encode_pixels(pixels(encoder, 3)),
        encoder.encode_texts(WORDS),
    )
    assert image_emb.shape == text_emb.shape == (3, 16) == (3, encoder.dim)
    assert image_emb.dtype == text_emb.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(np.vstack([image_emb, text_emb]), axis=1), 1, atol=1e-5)
    assert np.ptp(image_emb, axis=0).max() > 1e-3 and np.ptp(text_emb, axis=0).max() > 1e-3


def test_a_hugging_face_folder_encodes_as_transformers_does(folders):
    from transformers import AutoTokenizer, CLIPModel

    encoder = encoders.load(folders["hf"], "cpu", "fp32")
    model = CLIPModel.from_pretrained(folders["hf"], dtype=torch.float32).eval()
    batch = AutoTokenizer.from_pretrained(folders["hf"])(
        WORDS, padding=True, truncation=True, max_length=12, return_tensors="pt"
    )
    with torch.no_grad():
        text = model.get_text_features(batch["input_ids"], attention_mask=batch["attention_mask"]).pooler_output
        image = model.get_image_features(pixels(encoder, 2)).pooler_output
    unit = torch.nn.functional.normalize
    np.testing.assert_allclose(encoder.encode_texts(WORDS), unit(text), atol=1e-5)
    np.testing.assert_allclose(encoder.encode_pixels(pixels(encoder, 2)), unit(image), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "layers", "width", "patch"),
    [("vit", 2, 64, 16), ("rn", (1, 1, 1, 1), 4, None)],
)
def test_openai_weights_are_read_in_full_and_without_rounding(folders, tmp_path, name, layers, width, patch):
    from clip import tokenize
    from clip.model import CLIP

    state = {
        k: v.float() * (1 + 1e-5) if v.is_floating_point() else v for k, v in openai_state(layers, width, patch).items()
    }
    torch.save(state | {"input_resolution": torch.tensor(64)}, tmp_path / "exact.pt")
    encoder = encoders.load(tmp_path / "exact.pt", "cpu", "fp32")
    model = CLIP(16, 64, layers, width, patch, 77, 49408, 64, 1, 1).eval()
    model.load_state_dict(state)
    assert encoder.image_size == 64 and encoder.context == 77
    assert all(torch.equal(tensor, state[key]) for key, tensor in encoder.model.state_dict().items())
    with torch.no_grad():
        expected = torch.nn.functional.normalize(model.encode_text(tokenize(WORDS)))
    np.testing.assert_allclose(encoder.encode_texts(WORDS), expected, atol=1e-5)


@pytest.mark.parametrize("size", [(640, 480), (480, 641), (41, 40), (300, 32), (1, 1), (2000, 1333)])
def test_preprocessing_equals_the_hugging_face_processor(folders, size):
    from transformers import CLIPImageProcessor

    encoder, image = encoders.load(folders["hf"], "cpu", "fp32"), photo(*size)
    expected = CLIPImageProcessor.from_pretrained(folders["hf"])(image, return_tensors="pt")["pixel_values"][0]
    levels = (encoder.preprocess(image) - expected).abs() * torch.tensor(encoder.preprocessing.std)[:, None, None] * 255
    assert levels.max() < 2.5 and levels.mean() < 0.3


def test_preprocessing_equals_the_textbook_order_of_steps():
    image, step = photo(211, 97), Preprocess(resize=60, crop=48)
    resized = image.resize((130, 60), Image.Resampling.BICUBIC)  # 60 * 211 / 97 = 130.5
    crop = np.asarray(resized.crop((41, 6, 89, 54)), np.float32) / 255
    expected = ((crop - step.mean) / step.std).transpose(2, 0, 1)
    assert step(image).dtype == torch.float32
    assert np.abs(step(image).numpy() - expected).max() < 1.5 / 255 / min(step.std)


def test_a_very_long_image_is_preprocessed_without_a_huge_copy():
    assert Preprocess(224, 224)(photo(10000, 10)).shape == (3, 224, 224)


def test_the_batch_size_does_not_change_a_row(encoder):
    together = encoder.encode_pixels(pixels(encoder, 8))
    alone = np.vstack([encoder.encode_pixels(one[None]) for one in pixels(encoder, 8)])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    texts = [" ".join(["turtle"] * n) for n in range(7)]
    np.testing.assert_allclose(encoder.encode_texts(texts), encoder.encode_texts(texts, batch=1), atol=1e-5)


def test_a_long_text_is_cut_before_its_end_token_and_counted(encoder):
    long = "net " * 300
    ids = encoder.tokenize([long, "net"])
    assert len(ids[0]) == encoder.context and ids[0][-1] == ids[1][-1]
    assert encoder.truncated == 1
    short = "net " * (encoder.context - 2)
    np.testing.assert_allclose(*encoder.encode_texts([long, short]), atol=1e-5)


def test_empty_and_odd_texts_are_allowed(encoder):
    assert encoder.encode_texts([]).shape == (0, 16)
    emb = encoder.encode_texts(["", "🐢 in the Océan", " "])
    assert emb.shape == (3, 16) and np.isfinite(emb).all()


def test_nan_in_the_pixels_is_an_error(encoder):
    with pytest.raises(FloatingPointError, match="not finite"):
        encoder.encode_pixels(torch.full((1, 3, encoder.image_size, encoder.image_size), torch.nan))


def test_a_lower_precision_stays_close_to_fp32(encoder, folders):
    low = encoders.load(folders.get(encoder.name, folders["vit"]), "cpu", "bf16")
    assert low.precision == "bf16" and low.model.logit_scale.dtype == torch.float32
    for a, b in [
        (
            encoder.encode_pixels(pixels(encoder, 4)),
            low.encode_pixels(pixels(encoder, 4)),
        ),
        (encoder.encode_texts(WORDS), low.encode_texts(WORDS)),
    ]:
        assert (a * b).sum(1).min() > 0.98
        assert not np.array_equal(a, b)


def test_the_fingerprint_follows_weights_preprocessing_precision_and_tokenizer(folders, tmp_path):
    folder = shutil.copytree(folders["hf"], tmp_path / "hf")
    prints = {encoders.load(folder, "cpu", p).fingerprint for p in ("fp32", "bf16", "fp32")}
    assert len(prints) == 2
    for name, key, value in [
        ("preprocessor_config.json", "image_mean", [0.5, 0.5, 0.5]),
        ("tokenizer.json", "added", 0),
    ]:
        content = json.loads((folder / name).read_text())
        if name == "tokenizer.json":
            content["normalizer"] = {"type": "Lowercase"}
        else:
            content[key] = value
        (folder / name).write_text(json.dumps(content))
        prints.add(encoders.load(folder, "cpu", "fp32").fingerprint)
    assert len(prints) == 4


def test_the_fingerprint_follows_training_in_place_and_adapters(folders):
    from peft import LoraConfig, inject_adapter_in_model

    encoder = encoders.load(folders["hf"], "cpu", "fp32")
    prints = [encoder.fingerprint]
    with torch.no_grad():
        encoder.model.visual_projection.weight[0, 0] += 1e-3
    prints.append(encoder.fingerprint)
    inject_adapter_in_model(LoraConfig(target_modules=["q_proj"]), encoder.model)
    prints.append(encoder.fingerprint)
    assert len(set(prints)) == 3 and encoder.fingerprint == prints[-1]


def test_auto_takes_the_lower_precision_only_if_faster_and_faithful(folders, monkeypatch):
    encoder = encoders.load(folders["hf"], "cpu", "fp32")
    for fp32_seconds, faithful, expected in [
        (2.0, 0.0, "bf16"),
        (0.5, 0.0, "fp32"),
        (2.0, 1.0, "fp32"),
    ]:
        monkeypatch.setattr(placement, "MIN_COSINE", 0.9 + faithful)
        monkeypatch.setattr(
            placement,
            "_seconds",
            lambda e, _, s=fp32_seconds: s if e.precision == "fp32" else 1.0,
        )
        found = placement.trial(encoder, "cpu", "bf16")
        assert found["precision"] == expected and 0.9 < found["cosine"] <= 1.0001
    assert encoder.precision == "fp32"


def test_a_precision_that_overflows_is_not_taken(folders, monkeypatch):
    encoder = encoders.load(folders["hf"], "cpu", "fp32")
    with torch.no_grad():
        encoder.model.visual_projection.weight *= 1e6
    monkeypatch.setattr(placement, "MIN_SPEEDUP", 0.0)
    assert placement.trial(encoder, "cpu", "fp16")["precision"] == "fp32"


def test_the_verdict_is_cached_and_a_damaged_one_is_made_anew(folders, out, monkeypatch):
    calls = []
    monkeypatch.setattr(placement, "trial", lambda *_: calls.append(1) or {"precision": "bf16"})
    assert [encoders.load(folders["hf"], "cpu", "auto").precision for _ in range(2)] == ["bf16", "bf16"]
    (verdict,) = out.rglob("precision/*.json")
    assert len(calls) == 1 and json.loads(verdict.read_text())["hardware"] == encoders.hardware("cpu")
    verdict.write_text("{")
    encoders.load(folders["hf"], "cpu", "auto")
    encoders.load(folders["vit"], "cpu", "auto")
    assert len(calls) == 3
    assert encoders.load(folders["hf"], "cpu", "fp32").precision == "fp32"


def test_a_verdict_that_cannot_be_written_costs_a_warning(folders, out, monkeypatch):
    out.write_text("a file where the folder should be")
    monkeypatch.setattr(placement, "trial", lambda *_: {"precision": "bf16"})
    with pytest.warns(UserWarning, match="not cached"):
        assert encoders.load(folders["hf"], "cpu", "auto").precision == "bf16"


class Payload:
    """Runs a command when it is unpickled."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch '{self.target}'",)


@pytest.mark.parametrize("name", ["model.pt", "model.safetensors", "old.pt", "pytorch_model.bin"])
def test_a_pickle_with_code_in_it_is_refused_and_does_not_run(folders, tmp_path, name):
    target, source = tmp_path / "harmed", tmp_path / "bad" / name
    source.parent.mkdir()
    if name == "model.pt":
        torch.save({"weight": Payload(target)}, source)
    else:
        source.write_bytes(pickle.dumps(Payload(target), protocol=2))
    if name.endswith(".bin"):
        shutil.copytree(
            folders["hf"],
            source.parent,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("*.safetensors"),
        )
    with pytest.raises(ValueError, match="refused"):
        encoders.load(source.parent, "cpu", "fp32")
    assert not target.exists()


def test_the_payload_of_these_tests_is_live(tmp_path):
    pickle.loads(pickle.dumps(Payload(tmp_path / "harmed")))
    assert (tmp_path / "harmed").exists()


def test_torchscript_that_openai_did_not_publish_is_refused(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(torch.nn.Linear(2, 2)).save(str(tmp_path / "scripted.pt"))
    with pytest.raises(ValueError, match="TorchScript.*safetensors"):
        encoders.load(tmp_path / "scripted.pt", "cpu", "fp32")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "not a state dict"),
        ({"a": torch.ones(1)}, "lack"),
        (openai_state() | {"text_projection": torch.ones(16)}, "IndexError"),
        (openai_state() | {"ln_final.bias": torch.ones(3)}, "RuntimeError"),
        ({k: v for k, v in openai_state().items() if k != "ln_final.bias"}, "RuntimeError"),
        (openai_state() | {"visual.conv1.weight": torch.ones(3)}, "ValueError"),
    ],
    ids=["a list", "another model", "one axis", "another shape", "a key less", "no patches"],
)
def test_a_file_that_is_no_clip_is_refused(tmp_path, content, message):
    torch.save(content, tmp_path / "other.pt")
    message = rf"(?s)^{tmp_path}/other\.pt .*{message}"
    with pytest.raises(ValueError, match=message):
        encoders.load(tmp_path / "other.pt", "cpu", "fp32")


def cut(path):
    path.write_bytes(path.read_bytes()[:500])


def change_weights(change):
    def damage(path):
        from safetensors.torch import load_file, save_file

        state = load_file(path)
        change(state)
        save_file(state, path, metadata={"format": "pt"})

    return damage


def half(state):
    state["visual_projection.weight"] = state["visual_projection.weight"][:3].clone()


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("model.safetensors", cut, "SafetensorError"),
        ("model.safetensors", change_weights(half), "RuntimeError"),
        ("model.safetensors", change_weights(lambda s: s.pop("visual_projection.weight")), "lack visual_projection"),
        ("preprocessor_config.json", os.remove, "OSError"),
        ("preprocessor_config.json", lambda path: path.write_text("[]"), "AttributeError"),
        ("tokenizer.json", cut, "no whole CLIP"),
        ("config.json", lambda path: path.write_text("[]"), "type None, not a CLIP"),
        ("config.json", lambda path: path.write_text('{"a":' * 100_000), "RecursionError"),
        ("card.json", lambda path: path.write_text("[]"), "/card.json should hold an object"),
        ("card.json", lambda path: path.write_text('{"sha256": ["a"]}'), "/card.json should hold an object"),
    ],
)
def test_a_damaged_folder_is_named_with_what_to_do(folders, tmp_path, name, damage, message):
    folder = shutil.copytree(folders["hf"], tmp_path / "hf")
    damage(folder / name)
    with pytest.raises(ValueError, match=rf"(?s)^{folder}.*{message}"):
        encoders.load(folder, "cpu", "fp32")


def test_a_file_that_the_card_lists_and_that_is_missing_is_named(folders, tmp_path):
    folder = shutil.copytree(folders["hf"], tmp_path / "hf")
    (folder / "card.json").write_text('{"sha256": {"more.bin": "0"}}')
    with pytest.raises(FileNotFoundError, match=r"hf/more\.bin is missing.*get it again"):
        encoders.load(folder, "cpu", "fp32")


def test_a_folder_of_another_kind_of_model_is_named(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "detr"}')
    with pytest.raises(ValueError, match="'detr', not a CLIP"):
        encoders.load(tmp_path)


def test_a_tokenizer_with_another_end_token_is_refused(tmp_path):
    with pytest.raises(ValueError, match="end token 7"):
        encoders.load(save_hugging_face(tmp_path / "hf", end=7), "cpu", "fp32")


def test_the_sums_of_the_card_are_checked_before_loading(folders, tmp_path):
    from utils import files

    folder = shutil.copytree(folders["hf"], tmp_path / "hf")
    weights = folder / "model.safetensors"
    (folder / "card.json").write_text(json.dumps({"sha256": {weights.name: files.sha256(weights)}}))
    assert encoders.load(folder, "cpu", "fp32").dim == 16
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ValueError, match="model.safetensors has sha256"):
        encoders.load(folder, "cpu", "fp32")


def test_an_unknown_slot_lists_the_known_ones():
    with pytest.raises(ValueError, match="clip-vit-openai"):
        encoders.load("clip-vit-opanai")


def test_a_slot_comes_before_a_folder_of_its_name_and_a_path_may_be_relative(folders, tmp_path, monkeypatch):
    monkeypatch.setattr(config, "model_source", lambda slot, cfg=None: str(folders["hf"]))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip-vit-openai").mkdir()
    assert encoders.load("clip-vit-openai", "cpu", "fp32").dim == 16
    with pytest.raises(ValueError, match=rf"^{tmp_path}/clip-vit-openai should hold"):
        encoders.load("./clip-vit-openai", "cpu", "fp32")
    shutil.copy(folders["vit"], "mine.pt")
    for path in ("mine.pt", "./mine.pt"):
        assert encoders.load(path, "cpu", "fp32").name == "mine.pt"


def test_a_published_name_is_not_looked_for_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "model_source", lambda slot, cfg=None: "RN50")
    monkeypatch.setattr(formats, "_open_published", lambda source, name: pytest.fail("published", pytrace=False))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "RN50").mkdir()
    with pytest.raises(pytest.fail.Exception, match="published"):
        encoders.load("clip-rn50", "cpu", "fp32")


def test_a_missing_model_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "model_source", lambda slot, cfg=None: str(tmp_path / slot))
    with pytest.raises(FileNotFoundError, match="make models"):
        encoders.load("clip-vit-openai")
    with pytest.raises(FileNotFoundError, match="no model at"):
        encoders.load(tmp_path / "nowhere")


def test_an_unknown_precision_lists_the_known_ones(folders):
    with pytest.raises(ValueError, match="fp32, bf16, fp16 or auto"):
        encoders.load(folders["hf"], "cpu", "int4")
