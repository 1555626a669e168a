"""Class activation maps on tiny random models, beside maps made by hand with torch.autograd, and loops."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from drawing import drawn, texts
from PIL import Image
from test_encoders import openai_state, photo, save_hugging_face

from utils import cam, config, encoders, files, finetune, metrics
from utils.cam import framing, layers, mapping, methods
from utils.encoders import Preprocess

SAID = ["fish in the blue sea", "a dog runs behind a red bus", "a turtle with a net on its shell rests on sand"]
LAYER = {"hf": "vision_model.encoder.layers.1.layer_norm1", "vit": "visual.transformer.resblocks.1.ln_1",
         "rn": "visual.layer4.0"}  # fmt: skip
OTHER = {"hf": "vision_model.encoder.layers.0", "vit": "visual.conv1", "rn": "visual.layer3.0"}
BY_TRIAL = ("scorecam", "ablationcam")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    save_hugging_face(root / "hf")
    torch.save(openai_state(), root / "vit.pt")
    torch.save(openai_state((1, 1, 1, 1), 4, None), root / "rn.pt")
    return {"hf": root / "hf", "vit": root / "vit.pt", "rn": root / "rn.pt"}


@pytest.fixture(scope="module")
def loaded(folders):
    return {kind: encoders.load(folder, "cpu", "fp32") for kind, folder in folders.items()}


def own(encoder):
    """An encoder that a test may change."""
    other = copy.copy(encoder)
    other.model = copy.deepcopy(encoder.model)
    return other


@pytest.fixture(params=["hf", "vit", "rn"])
def kind(request):
    return request.param


@pytest.fixture
def encoder(kind, loaded):
    return own(loaded[kind])


@pytest.fixture
def rn(loaded):
    return own(loaded["rn"])


def squares(encoder, n=3):
    """Pictures that the model sees px by px."""
    return [photo(encoder.image_size, encoder.image_size, seed) for seed in range(n)]


def pixels(encoder, pictures):
    return torch.stack([replace(encoder.preprocessing, resize=encoder.image_size)(picture) for picture in pictures])


def grid(output, kind):
    """The patches' values (n, channels, rows, columns) of the usual layer."""
    if kind == "rn":
        return output
    tokens = output if kind == "hf" else output.transpose(0, 1)
    rows = [[[tokens[i, 1 + p, c] for p in range(tokens.shape[1] - 1)] for c in range(tokens.shape[2])]
            for i in range(len(tokens))]  # fmt: skip
    side = round(len(rows[0][0]) ** 0.5)
    return torch.tensor(rows).reshape(len(rows), -1, side, side)


def scored(encoder, kind, pictures, sentences, change=None):
    """Cosines (n,) with their graph, and the output of the usual layer, which `change` may replace."""
    kept = []
    module = encoder.model.get_submodule(LAYER[kind])
    hook = module.register_forward_hook(
        lambda m, i, out: kept.append(out if change is None else change(out)) or kept[0]
    )
    features = encoder._image_features(pixels(encoder, pictures))
    hook.remove()
    unit = torch.nn.functional.normalize(features, dim=-1)
    return (unit * torch.from_numpy(encoder.encode_texts(sentences))).sum(1), kept[0]


def finished(coarse, edge):
    """What is above 0 of a coarse map (rows, columns), stretched to [0, 1] and enlarged."""
    import cv2

    heat = np.maximum(np.asarray(coarse, np.float64), 0)
    heat = cv2.resize(((heat - heat.min()) / max(np.ptp(heat), 1e-12)).astype(np.float32), (edge, edge))
    heat -= heat.min()  # the package stretches it once more
    return heat / heat.max() if heat.max() > 0 else heat


# maps


def test_grad_cam_is_what_autograd_gives_by_hand(encoder, kind):
    pictures = squares(encoder)
    cosines, output = scored(encoder, kind, pictures, SAID)
    gradient = torch.autograd.grad(cosines.sum(), output)[0]
    values, slopes = grid(output.detach(), kind).numpy(), grid(gradient, kind).numpy()
    heats = cam.heat_maps(encoder, pictures, SAID, "gradcam")
    assert len(heats) == 3
    for i, heat in enumerate(heats):
        coarse = sum(slopes[i, c].mean() * values[i, c] for c in range(values.shape[1]))
        np.testing.assert_allclose(heat, finished(coarse, encoder.image_size), atol=2e-3)


def test_hires_cam_is_what_autograd_gives_by_hand(encoder, kind):
    pictures = squares(encoder)
    cosines, output = scored(encoder, kind, pictures, SAID)
    gradient = torch.autograd.grad(cosines.sum(), output)[0]
    coarse = (grid(output.detach(), kind) * grid(gradient, kind)).sum(1).numpy()
    for heat, expected in zip(cam.heat_maps(encoder, pictures, SAID, "hirescam"), coarse, strict=True):
        np.testing.assert_allclose(heat, finished(expected, encoder.image_size), atol=2e-3)


def test_ablation_cam_weighs_a_channel_by_what_the_cosine_loses_without_it(encoder, kind):
    pictures, axis = squares(encoder), 1 if kind == "rn" else 2
    with torch.no_grad():
        full, output = scored(encoder, kind, pictures, SAID)
        values, losses = grid(output, kind).numpy(), []
        for c in range(output.shape[axis]):
            kept = torch.arange(output.shape[axis]) != c
            shape = [-1 if i == axis else 1 for i in range(output.ndim)]
            without, _ = scored(encoder, kind, pictures, SAID, lambda out, k=kept, s=shape: out * k.reshape(s))
            losses.append((full - without).numpy())
    assert kind != "rn" or (full < 0).all()  # a loss relative to such a score would turn the map round
    heats = cam.heat_maps(encoder, pictures, SAID, "ablationcam")
    for i, heat in enumerate(heats):
        coarse = sum(losses[c][i] * values[i, c].astype(float) for c in range(len(losses)))
        np.testing.assert_allclose(heat, finished(coarse, encoder.image_size), atol=2e-2)


@pytest.mark.parametrize("method", cam.METHODS)
def test_every_method_maps_every_kind_of_tower(encoder, method):
    pictures = [photo(70, 50, 1), photo(31, 47, 2)]
    heats = cam.heat_maps(encoder, pictures, SAID[:2], method)
    assert [heat.shape for heat in heats] == [(50, 70), (47, 31)]
    for heat in heats:
        assert heat.dtype == np.float32 and heat.min() >= 0 and heat.max() in (0, 1)
    assert any(np.ptp(heat) > 0.5 for heat in heats)


def test_methods_differ(rn):
    heats = [cam.heat_maps(rn, squares(rn, 1), SAID[:1], method)[0] for method in cam.METHODS]
    same = [(a, b) for a in range(len(heats)) for b in range(a) if np.allclose(heats[a], heats[b], atol=1e-3)]
    assert same == []


def test_the_sentence_counts_but_for_eigen_cam(encoder):
    picture = squares(encoder, 1) * 2
    for method in ("gradcam", "layercam", "eigencam"):
        one, other = cam.heat_maps(encoder, picture, SAID[:2], method)
        assert np.array_equal(one, other) == (method == "eigencam")


@pytest.mark.parametrize("method", ["gradcam", "gradcam++", "eigengradcam"])
def test_the_batch_does_not_change_a_map(encoder, method):
    pictures, sentences = [photo(40 + 3 * i, 50, i) for i in range(5)], [SAID[i % 3] for i in range(5)]
    together = cam.heat_maps(encoder, pictures, sentences, method, batch=8)
    for size in (1, 2):
        for a, b in zip(together, cam.heat_maps(encoder, pictures, sentences, method, batch=size), strict=True):
            np.testing.assert_allclose(a, b, atol=2e-2)


def test_an_eigen_map_does_not_depend_on_the_sign_of_the_decomposition(rn, monkeypatch):
    expected = cam.heat_maps(rn, squares(rn), SAID, "eigencam") + cam.heat_maps(rn, squares(rn), SAID, "eigengradcam")
    svd = np.linalg.svd
    monkeypatch.setattr(np.linalg, "svd", lambda *args, **options: [-part for part in svd(*args, **options)])
    found = cam.heat_maps(rn, squares(rn), SAID, "eigencam") + cam.heat_maps(rn, squares(rn), SAID, "eigengradcam")
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_paths_pictures_and_arrays_give_one_map_upright(rn, tmp_path):
    picture = photo(60, 40)
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side: to be turned by 90 degrees
    picture.rotate(90, expand=True).save(tmp_path / "turned.png", exif=exif)
    images = [tmp_path / "turned.png", str(tmp_path / "turned.png"), Image.open(tmp_path / "turned.png"),
              picture, np.asarray(picture)]  # fmt: skip
    heats = cam.heat_maps(rn, images, SAID[:1] * 5)
    # not to the last bit: some processors sum the rows of a batch in different orders
    assert all(heat.shape == (40, 60) and np.allclose(heat, heats[3], rtol=0, atol=1e-5) for heat in heats)
    picture.convert("RGBA").save(tmp_path / "rgba.png")
    picture.convert("L").save(tmp_path / "grey.png")
    some = cam.heat_maps(rn, [tmp_path / "rgba.png", tmp_path / "grey.png"], SAID[:2])
    assert [heat.shape for heat in some] == [(40, 60)] * 2


def test_a_picture_of_one_px_and_a_very_long_one_have_maps(encoder):
    heats = cam.heat_maps(encoder, [photo(1, 1), photo(3000, 2)], SAID[:2])
    assert [heat.shape for heat in heats] == [(1, 1), (2, 3000)]
    assert all(heat.max() in (0, 1) for heat in heats)


def test_a_sentence_of_300_words_and_no_picture_at_all_are_allowed(encoder):
    assert cam.heat_maps(encoder, [photo(20, 20)], ["turtle " * 300])[0].shape == (20, 20)
    assert encoder.truncated == 1
    assert cam.heat_maps(encoder, [], []) == []


def test_another_layer_gives_another_map(encoder, kind):
    picture = squares(encoder, 1)
    usual, named, other = (cam.heat_maps(encoder, picture, SAID[:1], layer=name)[0] for name in (None, LAYER[kind], OTHER[kind]))  # fmt: skip
    assert np.array_equal(usual, named)
    assert np.abs(usual - other).max() > 0.1


def test_the_cosine_is_that_of_the_encoder(encoder):
    pictures = squares(encoder)
    _, cosines = mapping.explained(encoder, pictures, SAID, batch=2)
    expected = (encoder.encode_pixels(pixels(encoder, pictures)) * encoder.encode_texts(SAID)).sum(1)
    np.testing.assert_allclose(cosines, expected, atol=1e-5)


# the encoder afterwards


def state(encoder):
    """All that a map could leave behind."""
    modules = list(encoder.model.modules())
    return (
        encoder.fingerprint, encoder.precision, encoder.preprocessing, encoder.device,
        [id(module) for module in modules], [module.training for module in modules],
        [len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in modules],
        [(p.requires_grad, p.dtype, None if p.grad is None else p.grad.sum().item()) for p in encoder.model.parameters()],
    )  # fmt: skip


@pytest.fixture
def learning(encoder):
    """An encoder in the middle of training: a gradient here, a frozen weight there, one module in training."""
    parameters = list(encoder.model.parameters())
    parameters[0].grad, parameters[-1].requires_grad = torch.ones_like(parameters[0]), False
    next(iter(encoder.model.children())).train()
    return encoder


@pytest.mark.parametrize("method", ["gradcam", "eigencam", *BY_TRIAL])
def test_a_map_leaves_no_trace_in_the_encoder(learning, method):
    before = state(learning)
    cam.heat_maps(learning, squares(learning, 2), SAID[:2], method)
    assert state(learning) == before


@pytest.mark.parametrize("method", ["gradcam", *BY_TRIAL])
def test_a_map_that_fails_leaves_no_trace_either(learning, method, monkeypatch, tmp_path):
    before = state(learning)
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    with pytest.raises(files.ImageError, match=r"bad\.jpg"):
        cam.heat_maps(learning, [*squares(learning, 1), tmp_path / "bad.jpg"], SAID[:2], method, batch=1)
    with pytest.raises(ZeroDivisionError):
        monkeypatch.setattr(mapping, "_target", lambda *_: lambda image: image.sum() / (1 // 0))
        cam.heat_maps(learning, squares(learning, 1), SAID[:1], method)
    assert state(learning) == before


def test_progress_bars_are_off_and_come_back(rn, capfd):
    from pytorch_grad_cam import score_cam

    bar = score_cam.tqdm
    cam.heat_maps(rn, squares(rn, 1), SAID[:1], "scorecam")
    assert score_cam.tqdm is bar
    with pytest.raises(FloatingPointError):
        with torch.no_grad():
            rn.model.visual.conv1.weight[0, 0, 0, 0] = torch.nan
        cam.heat_maps(rn, squares(rn, 1), SAID[:1], "scorecam")
    assert score_cam.tqdm is bar
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_maps_can_be_made_where_gradients_are_off(encoder, mode):
    expected = cam.heat_maps(encoder, squares(encoder, 1), SAID[:1])
    with mode():
        assert np.array_equal(cam.heat_maps(encoder, squares(encoder, 1), SAID[:1])[0], expected[0])
        assert not torch.is_grad_enabled()


def test_a_frozen_encoder_has_the_same_maps(encoder):
    expected = cam.heat_maps(encoder, squares(encoder), SAID)
    encoder.model.requires_grad_(False)
    assert all(map(np.array_equal, cam.heat_maps(encoder, squares(encoder), SAID), expected))


def test_an_encoder_in_bf16_is_explained_in_fp32(encoder, kind, folders):
    low = encoders.load(folders[kind], "cpu", "bf16")
    rounded = copy.copy(encoder)
    rounded.model = copy.deepcopy(low.model).float()
    # The sentence is embedded as that encoder does it; the map is that of its rounded weights.
    rounded.encode_texts = low.encode_texts
    before = state(low)
    found, expected = (cam.heat_maps(one, squares(one), SAID) for one in (low, rounded))
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == np.float32
        np.testing.assert_allclose(a, b, atol=1e-4)
    assert state(low) == before and low.precision == "bf16"


def test_an_adapter_counts(encoder, kind):
    expected = cam.heat_maps(encoder, squares(encoder), SAID)
    adapted = finetune.adapt(encoder, finetune.Adaptation(rank=2, dropout=0.0))
    same = cam.heat_maps(adapted, squares(encoder), SAID, layer=LAYER[kind])
    assert all(np.allclose(a, b, atol=1e-3) for a, b in zip(expected, same, strict=True))
    with torch.no_grad():
        for parameter in finetune.adapters.learning(adapted).values():
            parameter += 0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0))
    before = state(adapted)
    changed = cam.heat_maps(adapted, squares(encoder), SAID)
    assert not any(np.allclose(a, b, atol=1e-3) for a, b in zip(expected, changed, strict=True))
    assert state(adapted) == before


# bad input


@pytest.mark.parametrize("sentence", ["", "  \n", None, 3])
def test_an_empty_sentence_is_refused(rn, sentence):
    with pytest.raises(ValueError, match="sentence 1 is .*: give words"):
        cam.heat_maps(rn, squares(rn, 2), ["a fish", sentence])


def test_unequal_numbers_are_refused(rn):
    with pytest.raises(ValueError, match="2 images and 1 sentences"):
        cam.heat_maps(rn, squares(rn, 2), "a fish")


def test_an_unknown_method_is_refused(rn):
    with pytest.raises(ValueError, match="unknown method 'gradcm'; choose one of gradcam, "):
        cam.heat_maps(rn, squares(rn, 1), SAID[:1], "gradcm")


@pytest.mark.parametrize("layer", ["visual.layer9.0", "layer4", "transformer.resblocks.0.ln_1", "visual", "", "model"])
def test_an_unknown_layer_is_refused(rn, layer):
    with pytest.raises(ValueError, match="choose"):
        cam.heat_maps(rn, squares(rn, 1), SAID[:1], layer=layer)


@pytest.mark.parametrize(
    ("kind", "layer", "said"),
    [
        ("rn", "visual.attnpool", r"'visual.attnpool' gives \(1, 16\), no values for each patch"),
        ("vit", "visual.transformer.resblocks.0.attn", "gives tuple, no values for each patch"),
        ("vit", "visual.transformer.resblocks.0.attn.out_proj", "is never called as such"),
        ("vit", "visual.ln_post", "no values for each patch"),
        ("hf", "vision_model.encoder", "no values for each patch"),
    ],
)
def test_a_layer_without_a_grid_is_refused(loaded, kind, layer, said):
    encoder = own(loaded[kind])
    with pytest.raises(ValueError, match=said):
        cam.heat_maps(encoder, squares(encoder, 1), SAID[:1], layer=layer)


def test_another_kind_of_encoder_is_refused(rn):
    other = copy.copy(rn)
    other.kind = "histogram"
    with pytest.raises(ValueError, match="no layers to explain"):
        cam.heat_maps(other, squares(rn, 1), SAID[:1])


@pytest.mark.parametrize("image", [np.zeros((4, 4)), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4, 4), np.uint8)])  # fmt: skip
def test_an_odd_array_is_refused(rn, image):
    with pytest.raises(ValueError, match="uint8"):
        cam.heat_maps(rn, [image], SAID[:1])


@pytest.mark.parametrize("method", ["gradcam", "eigencam"])
def test_values_that_are_not_finite_are_an_error(encoder, method):
    with torch.no_grad():
        next(p for name, p in encoder.model.named_parameters() if "vis" in name and p.ndim == 4)[0, 0] = torch.nan
    with pytest.raises(FloatingPointError, match=f"{encoder.name} gave values that are not finite"):
        cam.heat_maps(encoder, squares(encoder, 1), SAID[:1], method)


# framing


@pytest.mark.parametrize("whole", [True, False])
def test_what_is_hot_in_the_models_square_is_hot_in_the_picture(whole):
    rng = np.random.default_rng(0)
    for _ in range(200):
        width, height = rng.integers(30, 200, 2)
        edge = int(rng.integers(24, 64))
        step = Preprocess(edge + (0 if whole else int(rng.integers(0, 10))), edge)
        size = max(6, int(max(width, height) / 8))
        x, y = rng.integers(0, width - size // 2), rng.integers(0, height - size // 2)
        values = np.zeros((height, width, 3), np.uint8)
        values[y : y + size, x : x + size] = 255
        seen, frame = framing.framed(Image.fromarray(values), step, whole)
        heat = framing.unframed(seen[0].numpy() - seen[0].numpy().min(), frame)
        assert heat.shape == (height, width) and heat.dtype == np.float32
        inside = np.zeros((height, width), bool)
        inside[y : y + size, x : x + size] = True
        if whole:
            row, column = np.unravel_index(heat.argmax(), heat.shape)
            assert inside[row, column]
            mass = heat - np.median(heat)
            assert mass[inside].sum() > 0.5 * mass[mass > 0.05].sum()
        else:
            x0, y0, x1, y1 = step._box(width, height)
            rows, columns = np.arange(height) + 0.5, np.arange(width) + 0.5
            cut = ~((y0 <= rows) & (rows < y1))[:, None] | ~((x0 <= columns) & (columns < x1))
            assert (heat[cut] == 0).all()
            if (inside & ~cut).sum() > size * size / 2:
                assert inside[np.unravel_index(heat.argmax(), heat.shape)]


@pytest.mark.parametrize(("size", "seen"), [((200, 100), (0, -50, 200, 150)), ((50, 100), (-25, 0, 75, 100)), ((64, 64), (0, 0, 64, 64))])  # fmt: skip
def test_the_whole_picture_is_padded_with_the_mean_colour(size, seen):
    step = Preprocess(60, 48)
    values, frame = framing.framed(photo(*size), step)
    assert (frame.width, frame.height) == size
    np.testing.assert_allclose(frame.seen, seen)
    assert values.shape == (3, 48, 48) and values.dtype == torch.float32
    border = (values.abs() < 0.01).all(0).numpy()
    assert border.mean() == {200: 0.5, 50: 0.5, 64: 0}[size[0]]


def test_the_centre_crop_is_the_models_own():
    step, picture = Preprocess(60, 48), photo(211, 97)
    values, frame = framing.framed(picture, step, whole=False)
    assert torch.equal(values, step(picture)) and frame.seen == step._box(211, 97)


def test_bringing_a_map_back_equals_a_loop():
    rng = np.random.default_rng(1)
    for _ in range(300):
        heat, (width, height) = rng.random(rng.integers(1, 9, 2)) * rng.integers(0, 2), rng.integers(1, 12, 2)
        x0, y0 = rng.uniform(-6, 4, 2)
        frame = framing.Frame(int(width), int(height), (x0, y0, x0 + rng.uniform(1, 20), y0 + rng.uniform(1, 20)))
        found, expected = framing.unframed(heat, frame), brought_back(heat, frame)
        np.testing.assert_allclose(found, expected / max(expected.max(), 1e-9), atol=1e-4)


def brought_back(heat, frame):
    (x0, y0, x1, y1), (rows, columns) = frame.seen, heat.shape
    out = np.zeros((frame.height, frame.width))
    for y in range(frame.height):
        for x in range(frame.width):
            if not (x0 <= x + 0.5 < x1 and y0 <= y + 0.5 < y1):
                continue
            v = min(max((y + 0.5 - y0) * rows / (y1 - y0) - 0.5, 0), rows - 1)
            u = min(max((x + 0.5 - x0) * columns / (x1 - x0) - 0.5, 0), columns - 1)
            for i in {int(v), min(int(v) + 1, rows - 1)}:
                for j in {int(u), min(int(u) + 1, columns - 1)}:
                    out[y, x] += heat[i, j] * (1 - abs(v - i)) * (1 - abs(u - j))
    return out


# boxes


def parts_by_flood(heat, threshold):
    """Lists of px, each a part, in the order of their first px."""
    hot, parts = (heat >= threshold) & (heat > 0), []
    left = {(int(y), int(x)) for y, x in np.argwhere(hot)}
    for start in sorted(left):
        if start not in left:
            continue
        todo, part = [start], []
        left.remove(start)
        while todo:
            y, x = todo.pop()
            part.append((y, x))
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            todo += near
        parts.append(part)
    return parts


def box_by_loop(heat, threshold):
    best, most = None, -1.0
    for part in parts_by_flood(heat, threshold):
        mass = sum(heat[y, x] for y, x in part)
        if mass > most:
            best, most = part, mass
    if best is None:
        return None
    ys, xs = zip(*best, strict=True)
    return [min(xs), min(ys), max(xs) + 1, max(ys) + 1]


def random_heat(rng):
    """Quarters, whose sums are exact, so that there are ties."""
    return rng.choice([0, 0, 0.25, 0.5, 0.75, 1.0], rng.integers(1, 12, 2))


def test_a_box_equals_a_loop():
    rng, ties = np.random.default_rng(2), 0
    for _ in range(600):
        heat, threshold = random_heat(rng), rng.choice([0.0, 0.25, 0.3, 0.5, 1.0])
        found, expected = cam.box(heat, threshold), box_by_loop(heat, threshold)
        assert (found is None) == (expected is None)
        if found is not None:
            assert found.dtype == np.float64 and found.tolist() == expected
            masses = sorted(sum(heat[y, x] for y, x in part) for part in parts_by_flood(heat, threshold))
            ties += masses[-2:] == masses[-1:] * 2
    assert ties > 20


def test_the_heavier_part_wins_over_the_larger_one():
    heat = np.zeros((6, 9), np.float32)
    heat[:2, :4], heat[4:6, 6:8] = 0.3, 1.0
    assert cam.box(heat, 0.2).tolist() == [6, 4, 8, 6]


@pytest.mark.parametrize("threshold", [0, 0.3, 1])
def test_a_map_of_nothing_has_no_box(threshold):
    assert cam.box(np.zeros((4, 5)), threshold) is None


def test_a_map_below_the_threshold_has_no_box():
    assert cam.box(np.full((2, 2), 0.4), 0.5) is None and cam.box(np.full((2, 2), 0.5), 0.5).tolist() == [0, 0, 2, 2]


def test_the_threshold_chosen_equals_a_loop_and_of_equal_ones_is_the_lowest():
    rng = np.random.default_rng(3)
    for _ in range(100):
        heats = [random_heat(rng) for _ in range(4)]
        corners = rng.integers(0, 5, (4, 2))
        boxes = np.hstack([corners, corners + rng.integers(1, 6, (4, 2))]).astype(float)
        best, most = None, -1.0
        for threshold in (0.1, 0.2, 0.3, 0.5, 0.6, 0.9):
            found = [box_by_loop(heat, threshold) for heat in heats]
            score = np.mean([0 if a is None else metrics.iou(a, b) for a, b in zip(found, boxes, strict=True)])
            if score > most + 1e-12:
                best, most = threshold, score
        assert cam.choose_threshold(heats, boxes, [0.6, 0.1, 0.9, 0.5, 0.3, 0.2]) == best


def test_pointing_equals_a_loop():
    rng, hits = np.random.default_rng(4), 0
    for _ in range(500):
        heat, (x0, y0) = random_heat(rng), rng.uniform(-2, 8, 2)
        box = [x0, y0, x0 + rng.uniform(0.5, 9), y0 + rng.uniform(0.5, 9)]
        best = max((heat[y, x], -y, -x) for y in range(heat.shape[0]) for x in range(heat.shape[1]))
        x, y = 0.5 - best[2], 0.5 - best[1]
        expected = best[0] > 0 and box[0] <= x < box[2] and box[1] <= y < box[3]
        assert cam.pointing([heat], [box]).tolist() == [expected]
        hits += expected
    assert 30 < hits < 470


def test_of_equal_peaks_the_first_points():
    heat = np.zeros((3, 3))
    heat[0, 2] = heat[1, 0] = 1
    assert cam.pointing([heat, heat], [[2, 0, 3, 1], [0, 1, 1, 2]]).tolist() == [True, False]
    assert cam.pointing([], []).tolist() == []
    assert cam.pointing([np.zeros((3, 3))], [[0, 0, 3, 3]]).tolist() == [False]


@pytest.mark.parametrize("heat", [np.full((2, 2), np.nan), [[0, np.nan]], [[1.2]], [[-0.1]], [0.3, 0.2], np.zeros((0, 3))])  # fmt: skip
def test_an_odd_map_is_refused(heat):
    for call in (lambda: cam.box(heat, 0.5), lambda: cam.pointing([heat], [[0, 0, 1, 1]]),
                 lambda: cam.choose_threshold([heat], [[0, 0, 1, 1]], [0.5])):  # fmt: skip
        with pytest.raises(ValueError, match="a heat map of shape"):
            call()


@pytest.mark.parametrize("threshold", [-0.1, 1.1, np.nan])
def test_an_odd_threshold_is_refused(threshold):
    with pytest.raises(ValueError, match=r"outside \[0, 1\]"):
        cam.box(np.ones((2, 2)), threshold)


def test_maps_without_their_boxes_are_refused():
    with pytest.raises(ValueError, match="1 maps and 2 boxes"):
        cam.pointing([np.ones((2, 2))], [[0, 0, 1, 1]] * 2)
    with pytest.raises(ValueError, match="without area"):
        cam.pointing([np.ones((2, 2))], [[1, 0, 1, 1]])
    with pytest.raises(ValueError, match="both must be"):
        cam.choose_threshold([np.ones((2, 2))], [[0, 0, 1, 1]] * 2, [0.5])
    with pytest.raises(ValueError, match="no threshold"):
        cam.choose_threshold([np.ones((2, 2))], [[0, 0, 1, 1]], [])


# one's own picture and words


@pytest.mark.parametrize("size", [(90, 60), (40, 90), (1, 1)])
def test_an_explanation_holds_the_map_the_box_the_score_and_is_saved(rn, tmp_path, size):
    picture = photo(*size)
    picture.save(tmp_path / "own.png")
    found = cam.explain(tmp_path / "own.png", "a fish of $5$", rn, threshold=0.6, out=tmp_path / "new" / "why.png")
    (heat,) = cam.heat_maps(rn, [picture], ["a fish of $5$"])
    assert np.array_equal(found.heat, heat)
    assert (found.box_xyxy is None) == (cam.box(heat, 0.6) is None)
    assert found.box_xyxy is None or found.box_xyxy.tolist() == cam.box(heat, 0.6).tolist()
    assert isinstance(found.score, float) and -1 <= found.score <= 1
    assert texts(found.figure) == ["a fish of $5$", f"rn.pt, hirescam: cosine {found.score:.3f}"]
    assert drawn(found.figure).std() > 5
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["why.png"]
    assert files.load_image(tmp_path / "new" / "why.png").width > 400


def test_an_explanation_takes_a_path_of_a_model(folders):
    found = cam.explain(photo(30, 20), "a dog", folders["rn"])
    assert found.heat.shape == (20, 30)


def test_a_figure_that_cannot_be_drawn_leaves_the_old_file(rn, tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    def broken(fig, path, **_):
        path.write_bytes(b"half")
        raise OSError("no space left")

    (tmp_path / "why.png").write_bytes(b"old")
    monkeypatch.setattr(Figure, "savefig", broken)
    with pytest.raises(OSError, match="no space"):
        cam.explain(photo(30, 20), "a dog", rn, out=tmp_path / "why.png")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir() if path.is_file()] == [("why.png", b"old")]


def test_a_figure_is_written_as_png_only(rn, tmp_path):
    with pytest.raises(ValueError, match=r"why\.jpg: .*\.png"):
        cam.explain(photo(30, 20), "a dog", rn, out=tmp_path / "why.jpg")


# weather


@pytest.mark.parametrize("kind", cam.KINDS)
@pytest.mark.parametrize("size", [(120, 80), (80, 120), (300, 20)])
def test_weather_changes_a_picture_more_the_stronger_it_is(kind, size):
    picture = photo(*size)
    before = np.asarray(picture, float)
    changes = []
    for strength in (0, 0.25, 0.5, 0.75, 1):
        found = cam.weather(picture, kind, strength, seed=1)
        assert found.size == size and found.mode == "RGB"
        changes.append(np.abs(np.asarray(found, float) - before).mean())
    assert changes[0] == 0 and changes[1] > 0 and changes == sorted(changes)
    assert len(set(changes)) == 5 and np.isfinite(changes).all()


@pytest.mark.parametrize("kind", cam.KINDS)
@pytest.mark.parametrize("size", [(1, 1), (500, 1), (1, 300)])
def test_weather_comes_over_odd_pictures(kind, size):
    assert cam.weather(photo(*size), kind, 0, seed=1) == photo(*size)
    assert cam.weather(photo(*size), kind, 0.7, seed=1).size == size


@pytest.mark.parametrize("kind", cam.KINDS)
def test_weather_follows_its_seed(kind):
    one, same, other = (np.asarray(cam.weather(photo(120, 80), kind, 0.6, seed=seed)) for seed in (3, 3, 4))
    assert np.array_equal(one, same) and not np.array_equal(one, other)


def test_weather_looks_like_what_it_is():
    grey = Image.new("RGB", (120, 80), (90, 90, 90))
    fog, snow, murk = (np.asarray(cam.weather(grey, kind, 0.8), float) for kind in ("fog", "snow", "turbidity"))
    assert fog[:20].mean() > fog[-20:].mean() > 90  # thicker above
    assert np.percentile(snow, 99) > 200 and np.median(snow) > 90  # flakes
    assert np.median(murk[..., 1]) > np.median(murk[..., 0])  # red goes first
    busy = photo(120, 80)
    for kind in ("fog", "turbidity"):
        assert np.asarray(cam.weather(busy, kind, 0.8), float).std() < 0.8 * np.asarray(busy, float).std()


def test_odd_weather_is_refused():
    with pytest.raises(ValueError, match="unknown weather 'rain'; choose one of fog, snow, turbidity"):
        cam.weather(photo(4, 4), "rain", 0.5)
    for strength in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match=r"outside \[0, 1\]"):
            cam.weather(photo(4, 4), "fog", strength)


def test_the_names_of_methods_are_those_of_the_package():
    import pytorch_grad_cam

    assert all(
        issubclass(getattr(pytorch_grad_cam, name), pytorch_grad_cam.GradCAM.__base__) for name in cam.METHODS.values()
    )
    assert set(methods.BY_TRIAL) < set(cam.METHODS)
    assert layers.TOWERS.keys() == {"hugging-face", "openai"} and config.load().seed == 0
