"""Pooled feature maps: each against the tower's own forward pass or a slow loop, on tiny random models; then their limits."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image

from utils import embed, pooling
from utils.encoders.encoder import Encoder
from utils.encoders.formats import OpenAIEncoder
from utils.encoders.preprocess import CLIP_MEAN, Preprocess
from utils.pooling import pools

LAYERS = {"hf": ("conv1", "last"), "vit": ("conv1", "last"), "rn": ("stem", "stem-linear", "last")}
PAIRS = [(kind, layer) for kind, names in LAYERS.items() for layer in names]


class HuggingFace(Encoder):
    """A `CLIPModel` without the files that its loader reads."""

    kind = "hugging-face"

    def __init__(self):
        from transformers import CLIPConfig, CLIPModel

        shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
        text, vision = {**shape, "vocab_size": 50}, {**shape, "image_size": 32, "patch_size": 8}
        model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16))
        super().__init__("hf", model, Preprocess(40, 32), 16, 12)

    def _vocabulary(self):
        return ""

    def _image_features(self, pixels):
        return self.model.get_image_features(pixel_values=pixels).pooler_output


def openai(name, layers, width, patch):
    from clip.model import CLIP

    model = CLIP(16, 64, layers, width, patch, 8, 49408, 64, 1, 1)
    for tower_name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        if tower_name.endswith("running_var"):
            tensor.data.uniform_(0.5, 2)
        elif tensor.ndim == 1 and "visual" in tower_name:  # clip starts some norms at 0, which would hide mistakes
            tensor.data.normal_(float(tower_name.endswith("weight")), 0.2)
    return OpenAIEncoder(model.state_dict(), name)


@pytest.fixture(scope="module")
def encoders():
    torch.manual_seed(0)
    return {
        "hf": HuggingFace(),
        "vit": openai("vit", 2, 64, 16),
        "rn": openai("rn", (1, 1, 1, 1), 8, None),
    }


@pytest.fixture(autouse=True)
def out(tmp_path, monkeypatch):
    monkeypatch.setenv("REEF_OUT", str(tmp_path / "out"))


def photo(width=70, height=50, seed=0):
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def saved(folder, *images):
    found = [folder / f"{i}.png" for i in range(len(images))]
    for path, image in zip(found, images, strict=True):
        image.save(path)
    return found


def pixels(encoder, n=2):
    return torch.stack([encoder.preprocess(photo(seed=seed)) for seed in range(n)])


def seen(encoder, module, before=False):
    """What a module of the image tower returns, or takes, while the encoder embeds two photos."""
    caught = []
    if before:
        hook = module.register_forward_pre_hook(lambda module, inputs: caught.append(inputs[0].clone()))
    else:
        hook = module.register_forward_hook(lambda module, inputs, output: caught.append(output))
    encoder.encode_pixels(pixels(encoder))
    hook.remove()
    return caught[0]


def maps(n=3, channels=5, height=7, width=9, seed=0):
    return torch.randn(n, channels, height, width, generator=torch.Generator().manual_seed(seed))


def assert_unit(rows):
    assert rows.dtype == np.float32 and np.isfinite(rows).all()
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


# the maps


@pytest.mark.parametrize("kind", ["hf", "vit"])
def test_conv1_is_the_patch_embedding_of_the_tower_s_own_pass(encoders, kind):
    encoder = encoders[kind]
    conv = encoder.model.vision_model.embeddings.patch_embedding if kind == "hf" else encoder.model.visual.conv1
    found = pooling.feature_map(encoder, "conv1", pixels(encoder))
    assert found.shape == (2, conv.out_channels, 4, 4) and found.dtype == torch.float32
    torch.testing.assert_close(found, seen(encoder, conv))


def test_a_smaller_stride_looks_at_more_patches_of_the_same_size(encoders):
    plain, dense = (pooling.feature_map(encoders["vit"], "conv1", pixels(encoders["vit"]), s) for s in (None, 4))
    assert dense.shape[2:] == (13, 13)
    torch.testing.assert_close(dense[:, :, ::4, ::4], plain)


@torch.inference_mode()
def test_last_tokens_are_those_before_pooling_in_rows_of_the_picture(encoders):
    hf, vit = encoders["hf"], encoders["vit"]
    tokens = seen(hf, hf.model.vision_model.encoder).last_hidden_state
    found, normed = pooling.feature_map(hf, "last", pixels(hf)), hf.model.vision_model.post_layernorm(tokens)
    torch.testing.assert_close(found[:, :, 2, 1], normed[:, 1 + 4 * 2 + 1])
    tokens = seen(vit, vit.model.visual.transformer)
    found, normed = pooling.feature_map(vit, "last", pixels(vit)), vit.model.visual.ln_post(tokens)
    torch.testing.assert_close(found[:, :, 0, 3], normed[1 + 3])


def test_the_stem_is_three_convolutions_each_with_its_norm_and_relu(encoders):
    encoder = encoders["rn"]
    found = pooling.feature_map(encoder, "stem", pixels(encoder))
    assert found.shape == (2, 8, 32, 32) and found.min() == 0
    torch.testing.assert_close(found, seen(encoder, encoder.model.visual.avgpool, before=True))


def test_the_linear_stem_has_every_norm_and_no_relu(encoders):
    encoder, expected = encoders["rn"], pixels(encoders["rn"])
    for i in "123":
        conv, norm = (getattr(encoder.model.visual, f"{part}{i}") for part in ("conv", "bn"))
        expected = torch.nn.functional.conv2d(expected, conv.weight, stride=conv.stride, padding=1)
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        expected = (expected - norm.running_mean[:, None, None]) * scale[:, None, None] + norm.bias[:, None, None]
    found = pooling.feature_map(encoder, "stem-linear", pixels(encoder))
    torch.testing.assert_close(found, expected.detach(), atol=1e-5, rtol=1e-4)
    assert found.min() < 0


def test_last_of_a_resnet_is_what_its_attention_pools(encoders):
    encoder = encoders["rn"]
    with torch.no_grad():
        pooled = encoder.model.visual.attnpool(pooling.feature_map(encoder, "last", pixels(encoder)))
    np.testing.assert_allclose(pools.unit(pooled), encoder.encode_pixels(pixels(encoder)), atol=1e-5)


@pytest.mark.parametrize("kind", LAYERS)
def test_layers_are_listed_where_one_is_unknown(encoders, kind):
    assert pooling.layers(encoders[kind]) == LAYERS[kind]
    with pytest.raises(ValueError, match=f"{kind} has no layer 'conv9': choose from {', '.join(LAYERS[kind])}"):
        pooling.feature_map(encoders[kind], "conv9", pixels(encoders[kind]))


def test_only_conv1_takes_a_stride(encoders):
    for kind, layer, stride in [("vit", "last", 2), ("rn", "stem", 2), ("vit", "conv1", 0)]:
        with pytest.raises(ValueError, match=f"stride is {stride} for layer '{layer}'"):
            pooling.Early(encoders[kind], layer, stride=stride)


# regions and pools


def test_regions_worked_by_hand():
    assert pooling.regions(6, 6, 1).tolist() == [[0, 0, 6, 6]]
    assert pooling.regions(6, 6, 2)[1:].tolist() == [[0, 0, 4, 4], [2, 0, 6, 4], [0, 2, 4, 6], [2, 2, 6, 6]]
    wide = pooling.regions(12, 8, 2).tolist()  # two of 8 x 8 overlap by half, three by 75 %
    assert wide[:2] == [[0, 0, 8, 8], [4, 0, 12, 8]]
    assert wide[2:5] == [[0, 0, 5, 5], [3, 0, 8, 5], [7, 0, 12, 5]] and len(wide) == 2 + 2 * 3
    assert pooling.regions(1, 1, 5).tolist() == [[0, 0, 1, 1]]


def test_regions_are_squares_that_overlap_by_about_40_percent_and_reach_every_edge():
    rng = np.random.default_rng(0)
    for width, height in rng.integers(20, 90, (100, 2)):
        short, long = sorted((width, height))
        steps = list(range(2, 20))
        overlap = [abs((short - (long - short) / (m - 1)) / short - 0.4) for m in steps]
        m = steps[int(np.argmin(overlap))] if long > short else 1
        boxes = pooling.regions(width, height, 4)
        assert len(boxes) == sum(level * (level + m - 1) for level in (1, 2, 3, 4))
        assert (boxes[:, 2] - boxes[:, 0] == boxes[:, 3] - boxes[:, 1]).all()
        assert boxes.min(0)[:2].tolist() == [0, 0] and boxes.max(0)[2:].tolist() == [width, height]
        for level in (1, 2, 3, 4):
            edge = int(2 * short / (level + 1))
            assert (boxes[:, 2] - boxes[:, 0] == edge).sum() == level * (level + m - 1)


def test_a_region_that_rounding_repeats_counts_once_and_one_without_a_cell_not_at_all():
    assert len(np.unique(pooling.regions(3, 2, 8), axis=0)) == len(pooling.regions(3, 2, 8))
    boxes = pooling.regions(3, 3, 30)
    assert (boxes[:, 2:] > boxes[:, :2]).all()


@pytest.mark.parametrize("size", [(0, 5, 1), (5, 0, 1), (5, 5, 0)])
def test_regions_need_a_map_and_a_level(size):
    with pytest.raises(ValueError, match="all three start at 1"):
        pooling.regions(*size)


@pytest.mark.parametrize("levels", [1, 3, 5])
def test_rmac_equals_a_slow_loop(levels):
    for height, width in [(7, 9), (9, 7), (6, 6), (1, 1), (2, 11)]:
        found = pools.rmac(maps(height=height, width=width), levels).numpy()
        for one, row in zip(maps(height=height, width=width).numpy(), found, strict=True):
            cells = one / np.linalg.norm(one, axis=0)
            total = np.zeros(len(one))
            for x0, y0, x1, y1 in pooling.regions(width, height, levels):
                top = np.array([max(cells[c, y, x] for y in range(y0, y1) for x in range(x0, x1)) for c in range(5)])
                total += top / np.linalg.norm(top)
            np.testing.assert_allclose(row, total, atol=1e-5)


def test_max_pools_cells_of_unit_length():
    cells = maps().numpy() / np.linalg.norm(maps().numpy(), axis=1, keepdims=True)
    np.testing.assert_allclose(pools.maximum(maps()), cells.max(axis=(2, 3)), atol=1e-6)


def test_one_level_of_rmac_on_a_square_map_is_max_pooling():
    square = maps(height=6, width=6)
    np.testing.assert_allclose(pools.unit(pools.rmac(square, 1)), pools.unit(pools.maximum(square)), atol=1e-6)


def test_gem_goes_from_the_mean_to_the_maximum():
    positive = maps().abs() + 0.1
    np.testing.assert_allclose(pools.gem(positive, 1), pools.mean(positive), rtol=1e-5)
    np.testing.assert_allclose(pools.gem(positive, 3), (positive**3).mean((2, 3)) ** (1 / 3), rtol=1e-5)
    np.testing.assert_allclose(pools.gem(1e30 * positive, 500), 1e30 * positive.amax((2, 3)), rtol=0.02)
    steps = [pools.gem(positive, p) for p in (0.5, 1, 2, 4, 8)]
    assert all((low < high).all() for low, high in pairwise(steps))


def test_a_row_of_zeros_becomes_the_diagonal_and_one_that_is_not_finite_an_error():
    assert pools.unit([[0, 0, 0, 0], [3, 0, 0, 4]]).tolist() == [[0.5] * 4, pytest.approx([0.6, 0, 0, 0.8])]
    for bad in (np.nan, np.inf):
        with pytest.raises(FloatingPointError, match="1 of 2 rows"):
            pools.unit([[bad, 1], [1, 1]])


# encoders


@pytest.mark.parametrize(("kind", "layer"), PAIRS)
@pytest.mark.parametrize("pool", pooling.POOLS)
def test_every_layer_and_pool_gives_finite_unit_rows_of_any_image(encoders, tmp_path, kind, layer, pool):
    early = pooling.Early(encoders[kind], layer, pool)
    own = tuple(round(255 * value) for value in CLIP_MEAN)
    flat = [Image.new("RGB", (20, 30), colour) for colour in ("black", "white", own)]
    grey = [photo().convert("L"), Image.new("L", (1, 1), 128)]
    paths = saved(tmp_path, *flat, *grey, photo(16, 16), photo(500, 16), photo(), photo())
    rows = embed.images(early, paths, cache=False)
    assert rows.shape == (9, early.dim)
    assert_unit(rows)
    assert np.array_equal(rows[-1], rows[-2]) and np.abs(rows[-1] - rows[6]).max() > 1e-6


def test_a_map_that_nothing_excites_gives_the_diagonal(encoders):
    import copy

    encoder = copy.copy(encoders["rn"])
    encoder.model = copy.deepcopy(encoder.model)
    encoder.model.visual.bn3.bias.data -= 100  # nothing passes the last ReLU of the stem
    for pool in pooling.POOLS:
        rows = pooling.Early(encoder, "stem", pool).encode_pixels(pixels(encoder))
        np.testing.assert_allclose(rows, 1 / np.sqrt(8), atol=1e-6)


@pytest.mark.parametrize(("kind", "layer"), PAIRS)
def test_the_batch_and_a_lower_precision_hardly_change_a_row(encoders, kind, layer):
    import copy

    encoder = encoders[kind]
    early = pooling.Early(encoder, layer)
    together = early.encode_pixels(pixels(encoder, 5))
    alone = np.vstack([early.encode_pixels(one[None]) for one in pixels(encoder, 5)])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    low = copy.copy(encoder)
    low.model = copy.deepcopy(encoder.model)
    rows = pooling.Early(low.place("cpu", "bf16"), layer).encode_pixels(pixels(encoder, 5))
    assert (rows * together).sum(1).min() > 0.98


def test_rows_are_cached_by_base_layer_pool_and_size(encoders, tmp_path, monkeypatch):
    paths, asked = saved(tmp_path, photo(), photo(seed=1)), []
    plain = pooling.Early.encode_pixels
    monkeypatch.setattr(pooling.Early, "encode_pixels", lambda self, p: asked.append(len(p)) or plain(self, p))
    kinds = [
        pooling.Early(encoders["vit"], "conv1"), pooling.Early(encoders["vit"], "conv1", "max"),
        pooling.Early(encoders["vit"], "last"), pooling.Early(encoders["rn"], "last"),
        pooling.Early(encoders["vit"], "conv1", levels=2), pooling.Early(encoders["vit"], "conv1", stride=4),
        pooling.Early(encoders["rn"], "last", "gem"), pooling.Early(encoders["rn"], "last", "gem", p=4),
        pooling.Early(encoders["rn"], "last").at(2),
    ]  # fmt: skip
    first, again = ([embed.images(early, paths) for early in kinds] for _ in range(2))
    assert asked == [2] * len(kinds) and all(np.array_equal(*pair) for pair in zip(first, again, strict=True))
    assert len({early.fingerprint for early in kinds} | {encoders["vit"].fingerprint}) == len(kinds) + 1


def test_a_parameter_of_another_pool_does_not_change_the_fingerprint(encoders):
    one, other = (pooling.Early(encoders["vit"], "conv1", "max", levels=levels, p=levels) for levels in (2, 3))
    assert one.fingerprint == other.fingerprint


def test_the_fingerprint_follows_training_of_the_base(encoders):
    import copy

    encoder = copy.copy(encoders["vit"])
    encoder.model = copy.deepcopy(encoder.model)
    early = pooling.Early(encoder, "conv1")
    before = early.fingerprint
    with torch.no_grad():
        encoder.model.visual.conv1.weight[0, 0, 0, 0] += 1
    assert early.fingerprint != before


def test_nan_in_the_pixels_is_an_error(encoders):
    for pool in pooling.POOLS:
        with pytest.raises(FloatingPointError, match="1 of 1 rows"):
            pooling.Early(encoders["rn"], "stem", pool).encode_pixels(torch.full((1, 3, 64, 64), torch.nan))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "stem"}, "vit has no layer 'stem': choose from conv1, last"),
        ({"pool": "median"}, "'median': choose from max, rmac, gem, mean"),
        ({"levels": 0}, "levels is 0"),
        ({"pool": "gem", "p": 0}, "p 0: levels start at 1, p is above 0"),
        ({"pool": "gem", "p": float("nan")}, "p nan"),
    ],
)
def test_bad_options_are_refused_at_once(encoders, options, message):
    with pytest.raises(ValueError, match=message):
        pooling.Early(encoders["vit"], **{"layer": "conv1", **options})


# sizes


def test_convolutions_take_other_sizes_and_resample_the_picture_itself(encoders):
    for kind, layer, edge in [("vit", "conv1", 128), ("rn", "stem", 128), ("rn", "last", 128)]:
        early = pooling.Early(encoders[kind], layer).at(2)
        assert early.image_size == early.preprocess(photo()).shape[-1] == edge
        assert_unit(early.encode_pixels(early.preprocess(photo())[None]))
    smaller = pooling.Early(encoders["hf"], "conv1").at(0.5)
    assert smaller.preprocessing == Preprocess(20, 16)


@pytest.mark.parametrize("kind", ["hf", "vit"])
def test_tokens_of_a_vit_take_their_own_size_alone(encoders, kind):
    early = pooling.Early(encoders[kind], "last")
    with pytest.raises(ValueError, match=r"'last' of .* px only, not \d+.*take conv1, or a ResNet"):
        early.at(1.5)
    with pytest.raises(ValueError, match=r"px only"):
        pooling.MultiScale(early, (1, 0.5))
    assert pooling.MultiScale(early, (1,)).dim == early.dim


def test_a_size_without_a_cell_is_named(encoders):
    for kind, layer, least in [("vit", "conv1", 16), ("rn", "last", 32)]:
        with pytest.raises(ValueError, match=f"no cell left of images of 6 px: {least} at least"):
            pooling.Early(encoders[kind], layer).at(0.1)
    with pytest.raises(ValueError, match="scales are above 0"):
        pooling.Early(encoders["rn"], "last").at(0)


@pytest.mark.parametrize(("kind", "layer"), [("hf", "conv1"), ("rn", "stem"), ("rn", "last")])
def test_several_scales_are_the_mean_of_each(encoders, tmp_path, kind, layer):
    early, paths = pooling.Early(encoders[kind], layer), saved(tmp_path, *(photo(seed=i) for i in range(3)))
    several = pooling.MultiScale(early, (0.75, 1, 2))
    each = [embed.images(early.at(scale), paths) for scale in (0.75, 1, 2)]
    rows = embed.images(several, paths, batch=2)
    assert_unit(rows)
    np.testing.assert_allclose(rows, pools.unit(np.mean(each, axis=0)), atol=1e-6)
    one = embed.images(pooling.MultiScale(early, (1,)), paths)
    np.testing.assert_allclose(one, embed.images(early, paths), atol=1e-6)
    prints = {pooling.MultiScale(early, scales).fingerprint for scales in ((1,), (1, 2), (1, 3))} | {early.fingerprint}
    assert len(prints) == 4


def test_clip_s_own_embedding_has_one_scale(encoders, tmp_path):
    paths = saved(tmp_path, photo())
    own = embed.images(pooling.MultiScale(encoders["vit"], (1,)), paths)
    np.testing.assert_allclose(own, embed.images(encoders["vit"], paths), atol=1e-6)
    for encoder, scales in [(encoders["vit"], (1, 2)), (pooling.Early(encoders["vit"], "conv1"), ())]:
        with pytest.raises(ValueError, match="give some, and an `Early` on convolutions"):
            pooling.MultiScale(encoder, scales)


# whitening


def rows(n, d, seed=0):
    rng = np.random.default_rng(seed)
    return pools.unit(rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + 2)


def test_whitening_equals_scikit_learn_at_unit_length():
    from sklearn.decomposition import PCA

    train, test = rows(80, 12), rows(9, 12, seed=1)
    found = pooling.whiten(train, 7).apply(test)
    expected = PCA(7, whiten=True, svd_solver="full").fit(train.astype(np.float64)).transform(test)
    assert_unit(found)
    np.testing.assert_allclose(found, pools.unit(expected), atol=1e-5)


def test_whitened_training_rows_vary_equally_and_independently():
    train = rows(80, 12).astype(np.float64)
    white = pooling.whiten(train, 7)
    np.testing.assert_allclose(np.cov((train - white.mean) @ white.axes.T, rowvar=False), np.eye(7), atol=1e-6)


def test_whitening_ignores_directions_without_variance():
    train = rows(6, 12)[[0, 1, 2, 0, 1, 2]]
    white = pooling.whiten(train, 6)
    assert (np.abs(white.axes).max(axis=1) > 0).sum() == 2
    assert_unit(white.apply(rows(5, 12, seed=1)))
    np.testing.assert_allclose(white.apply(white.mean[None]), 1 / np.sqrt(6), atol=1e-6)


@pytest.mark.parametrize(
    ("train", "dim", "message"),
    [
        (rows(5, 12), 6, "6 components of 5 training rows with 12 dimensions"),
        (rows(50, 12), 13, "13 components of 50 training rows with 12 dimensions"),
        (rows(50, 12), 0, "0 components"),
        (np.tile(rows(1, 12), (50, 1)), 3, "the 50 training rows are equal"),
        (np.zeros((5, 3)), 1, "the 5 training rows are equal"),
        (np.full((5, 3), np.nan), 1, "must be finite"),
        (np.zeros((0, 3)), 1, "must be finite"),
    ],
)
def test_what_cannot_be_whitened_is_named(train, dim, message):
    with pytest.raises(ValueError, match=message):
        pooling.whiten(train, dim)


def test_what_is_not_finite_is_not_whitened():
    whitening = pooling.whiten(np.random.default_rng(0).normal(size=(20, 4)), 3)
    with pytest.raises(ValueError, match="finite"):
        whitening.apply([[np.nan, 0, 0, 0]])


def test_whitening_takes_embeddings_of_its_own_length_only():
    with pytest.raises(ValueError, match=r"\(2, 11\); the whitening was learned on \(n, 12\)"):
        pooling.whiten(rows(50, 12), 3).apply(rows(2, 11))


# query expansion


def test_expansion_worked_by_hand():
    query, gallery = [[1.0, 0.0]], [[0.8, 0.6], [0.6, -0.8], [-1.0, 0.0]]
    total = np.array([1 + 0.5 * 0.8 + 0.5 * 0.0, 0.0]) + [0.8**2 * 0.8 - 0.4, 0.8**2 * 0.6]
    np.testing.assert_allclose(pooling.expand(query, gallery, 2, 1), pools.unit([total]), atol=1e-6)
    average = np.add([1.0, 0.0], [1.4, -0.2])
    np.testing.assert_allclose(pooling.expand(query, gallery, 0, 2), pools.unit([average]), atol=1e-6)


@pytest.mark.parametrize("alpha", [0, 1, 3])
def test_what_points_the_other_way_adds_nothing(alpha):
    assert np.array_equal(pooling.expand([[1.0, 0]], [[-1.0, 0]], alpha, n=1), [[1, 0]])


def test_expansion_equals_a_slow_loop():
    rng = np.random.default_rng(0)
    for _ in range(100):
        query, gallery = pools.unit(rng.normal(size=(3, 4))), pools.unit(rng.normal(size=(8, 4)))
        alpha, n = rng.uniform(0.5, 4), int(rng.integers(1, 12))
        found = pooling.expand(query, gallery, alpha, n)
        assert_unit(found)
        for one, row in zip(query.astype(np.float64), found, strict=True):
            total = one.copy()
            for image in sorted(gallery.astype(np.float64), key=lambda image: -(one @ image))[:n]:
                total += max(one @ image, 0) ** alpha * image
            np.testing.assert_allclose(row, total / np.linalg.norm(total), atol=1e-5)


def test_a_query_among_its_equals_stays_itself():
    query = rows(1, 6)
    np.testing.assert_allclose(pooling.expand(query, np.tile(query, (20, 1))), query, atol=1e-6)


def test_expansion_refuses_bad_input():
    query = rows(2, 4)
    with pytest.raises(ValueError, match="alpha is -1"):
        pooling.expand(query, query, alpha=-1)
    for arguments, message in [((query, query, 3, 0), "k is 0"), ((query, rows(3, 5)), "different models")]:
        with pytest.raises(ValueError, match=message):
            pooling.expand(*arguments)


# clusters


def test_clusters_of_clear_groups_are_those_groups():
    truth = np.repeat(np.arange(4), 10)
    emb = pools.unit(np.eye(4, 150)[truth] + np.random.default_rng(0).normal(0, 0.02, (40, 150)))
    found = pooling.clusters(emb, 4, dim=20)
    assert len({(a, b) for a, b in zip(truth, found.labels, strict=True)}) == 4
    assert sorted(np.concatenate(found.members)) == list(range(40))
    assert all((found.labels[members] == i).all() for i, members in enumerate(found.members))


def test_members_stand_nearest_to_the_centre_first():
    emb = rows(30, 5)
    for members in pooling.clusters(emb, 3).members:  # five dimensions: all of them are kept, and distances with them
        distance = np.linalg.norm(emb[members] - emb[members].mean(axis=0), axis=1)
        assert (np.diff(distance) > -1e-6).all()


def test_clusters_are_fixed_by_the_seed():
    emb = np.random.default_rng(0).normal(size=(60, 30))
    first, again, other = (pooling.clusters(emb, 8, dim=10, seed=seed).labels for seed in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_as_many_clusters_as_images_are_one_each():
    assert sorted(len(members) for members in pooling.clusters(rows(6, 9), 6).members) == [1] * 6
    assert pooling.clusters(np.tile(rows(1, 9), (4, 1)), 1).labels.tolist() == [0] * 4


@pytest.mark.parametrize(
    ("emb", "k", "message"),
    [
        (rows(5, 9), 6, "6 clusters of 5 images, 5 of them different"),
        (np.tile(rows(1, 9), (40, 1)), 2, "2 clusters of 40 images, 1 of them different"),
        (rows(5, 9), 0, "0 clusters"),
        (np.full((5, 3), np.nan), 2, "must be finite"),
        (np.zeros((0, 3)), 1, "must be finite"),
    ],
)
def test_what_cannot_be_clustered_is_named(emb, k, message):
    with pytest.raises(ValueError, match=message):
        pooling.clusters(emb, k)
    with pytest.raises(ValueError, match="after 0 components"):
        pooling.clusters(rows(5, 9), 2, dim=0)
