"""The contrastive losses against loops, finite differences and their own identities."""

import math

import pytest
import torch
import torch.nn.functional as F

from utils import losses

CASES = [(seed, size) for seed in range(20) for size in (1, 2, 5, 9)]


def batch(seed, size, dim=6):
    """Unit embeddings in float64 and labels with repeats and -1."""
    generator = torch.Generator().manual_seed(seed)
    image = F.normalize(torch.randn(size, dim, generator=generator, dtype=torch.float64), dim=1)
    text = F.normalize(torch.randn(size, dim, generator=generator, dtype=torch.float64), dim=1)
    return image, text, torch.randint(-1, 3, (size,), generator=generator)


def loop_loss(image, text, log_scale, positives):
    """InfoNCE by its definition, one number at a time."""
    scale = min(math.exp(log_scale), 100.0)
    size = len(image)

    def direction(queries, keys, positive):
        total = 0.0
        for i in range(size):
            row = [scale * sum(float(a) * float(b) for a, b in zip(queries[i], key, strict=True)) for key in keys]
            top = max(row)
            log_sum = top + math.log(sum(math.exp(value - top) for value in row))
            mine = [j for j in range(size) if positive(i, j)]
            total += sum(log_sum - row[j] for j in mine) / len(mine)
        return total / size

    forward = direction(image, text, lambda i, j: bool(positives[i][j]))
    backward = direction(text, image, lambda i, j: bool(positives[j][i]))
    return (forward + backward) / 2


def label_positives(labels):
    size = len(labels)
    return [[i == j or (labels[i] == labels[j] and labels[i] >= 0) for j in range(size)] for i in range(size)]


@pytest.mark.parametrize(("seed", "size"), CASES)
def test_clip_equals_the_loop_with_one_positive_each(seed, size):
    image, text, _ = batch(seed, size)
    expected = loop_loss(image, text, 2.0, torch.eye(size))
    assert losses.clip(image, text, torch.tensor(2.0)).item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("seed", "size"), CASES)
def test_clip_equals_the_loop_with_many_and_one_sided_positives(seed, size):
    image, text, _ = batch(seed, size)
    generator = torch.Generator().manual_seed(seed + 1000)
    positives = (torch.rand(size, size, generator=generator) < 0.4) | torch.eye(size, dtype=torch.bool)
    expected = loop_loss(image, text, 1.5, positives)
    assert losses.clip(image, text, torch.tensor(1.5), positives).item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("seed", "size"), CASES)
def test_unicl_equals_the_loop(seed, size):
    image, text, labels = batch(seed, size)
    expected = loop_loss(image, text, 1.0, label_positives(labels.tolist()))
    assert losses.unicl(image, text, 1.0, labels).item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("seed", "size"), CASES)
def test_combined_is_one_cross_entropy_with_the_mean_target(seed, size):
    image, text, labels = batch(seed, size)
    mask = torch.tensor(label_positives(labels.tolist()), dtype=torch.float64)
    target = (torch.eye(size, dtype=torch.float64) + mask / mask.sum(1, keepdim=True)) / 2
    logits = math.exp(2.0) * image @ text.T
    expected = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
    assert losses.combined(image, text, 2.0, labels).item() == pytest.approx(expected.item(), rel=1e-9)


@pytest.mark.parametrize(("seed", "size"), CASES)
def test_siglip_equals_the_loop(seed, size):
    image, text, labels = batch(seed, size)
    positives = label_positives(labels.tolist())
    expected = 0.0
    for i in range(size):
        for j in range(size):
            logit = math.exp(1.5) * sum(float(a) * float(b) for a, b in zip(image[i], text[j], strict=True)) - 2.0
            expected += math.log1p(math.exp(-logit if positives[i][j] else logit)) / size
    value = losses.siglip(image, text, 1.5, -2.0, torch.tensor(positives))
    assert value.item() == pytest.approx(expected, rel=1e-9)


def test_siglip_without_positives_takes_the_diagonal():
    image, text, _ = batch(2, 6)
    torch.testing.assert_close(
        losses.siglip(image, text, 1.0, -1.0), losses.siglip(image, text, 1.0, -1.0, torch.eye(6, dtype=torch.bool))
    )


@pytest.mark.parametrize(("seed", "size"), CASES[:20])
def test_pairs_of_one_wording_are_positives_in_both_halves(seed, size):
    image, text, labels = batch(seed, size)
    words = torch.randint(0, 3, (size,), generator=torch.Generator().manual_seed(seed))
    same = words[:, None] == words
    both = torch.tensor(label_positives(labels.tolist())) | same
    expected = (loop_loss(image, text, 1.0, both) + loop_loss(image, text, 1.0, same)) / 2
    assert losses.combined(image, text, 1.0, labels, 0.5, same).item() == pytest.approx(expected, rel=1e-9)


def test_the_marine_seeds_name_is_an_alias():
    assert losses.bic is losses.unicl


@pytest.mark.parametrize("labels", [torch.arange(7), torch.full((7,), -1)])
def test_unique_labels_give_unicl_equal_to_clip(labels):
    image, text, _ = batch(3, 7)
    torch.testing.assert_close(losses.unicl(image, text, 2.0, labels), losses.clip(image, text, 2.0))


def test_one_label_for_all_cannot_fall_below_log_batch():
    image, text, _ = batch(4, 8)
    assert losses.unicl(image, text, 3.0, torch.zeros(8, dtype=torch.long)).item() >= math.log(8)


def test_the_weight_of_combined_runs_from_clip_to_unicl():
    image, text, labels = batch(5, 9)
    torch.testing.assert_close(losses.combined(image, text, 1.0, labels, 0.0), losses.clip(image, text, 1.0))
    torch.testing.assert_close(losses.combined(image, text, 1.0, labels, 1.0), losses.unicl(image, text, 1.0, labels))
    with pytest.raises(ValueError, match="weight is 1.5"):
        losses.combined(image, text, 1.0, labels, 1.5)


@pytest.mark.parametrize("loss", ["clip", "unicl", "combined", "siglip"])
def test_gradients_equal_finite_differences(loss):
    image, text, labels = batch(6, 5)
    extra = {"clip": (), "siglip": (-3.0,)}.get(loss, (labels,))
    scale = torch.tensor(1.2, dtype=torch.float64)
    inputs = [tensor.clone().requires_grad_() for tensor in (image, text, scale)]
    assert torch.autograd.gradcheck(lambda a, b, s: getattr(losses, loss)(a, b, s, *extra), inputs)


def test_an_equal_caption_is_pulled_where_it_would_be_pushed_away():
    image = torch.eye(4)
    positives = torch.eye(4, dtype=torch.bool)
    positives[0, 1] = positives[1, 0] = True

    def push(mask):
        """Rise of the loss as the second text nears the first image, whose caption it repeats."""
        text = torch.eye(4)
        text[0, :2] = text[1, :2] = 0.5**0.5
        text.requires_grad_()
        losses.clip(image, text, 1.0, mask).backward()
        return float(text.grad[1] @ image[0])

    assert push(None) > 0 > push(positives)


def test_the_scale_is_clamped_at_one_hundred():
    image, text, _ = batch(8, 6)
    scale = torch.tensor(9.0, requires_grad=True)
    loss = losses.clip(image, text, scale)
    torch.testing.assert_close(loss.detach(), losses.clip(image, text, math.log(100.0)))
    loss.backward()
    assert scale.grad.item() == 0.0


def test_a_scale_of_exactly_one_is_used_as_it_is():
    image, text, _ = batch(9, 6)
    expected = loop_loss(image, text, 0.0, torch.eye(6))
    assert losses.clip(image, text, torch.tensor(0.0)).item() == pytest.approx(expected, rel=1e-9)


def test_half_precision_inputs_are_scored_in_float32_even_under_autocast():
    image, text, _ = batch(10, 8)
    image, text = image.bfloat16(), text.bfloat16()
    expected = losses.clip(image.double(), text.double(), 4.0)
    with torch.autocast("cpu", torch.bfloat16):
        loss = losses.clip(image, text, 4.0)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_batch_of_one_has_no_loss_and_a_zero_vector_stays_finite():
    image, text, _ = batch(11, 1)
    assert losses.clip(image, text, 2.0).item() == 0.0
    image, text, _ = batch(11, 3)
    image[0] = 0
    image.requires_grad_()
    losses.clip(image, text, 4.6).backward()
    assert torch.isfinite(image.grad).all()


def test_the_order_of_the_pairs_does_not_matter():
    image, text, labels = batch(12, 9)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(0))
    shuffled = losses.combined(image[order], text[order], 2.0, labels[order])
    torch.testing.assert_close(shuffled, losses.combined(image, text, 2.0, labels))


def test_wrong_shapes_and_missing_positives_are_named():
    image, text, _ = batch(13, 4)
    with pytest.raises(ValueError, match=r"\(3, 6\)"):
        losses.clip(image, text[:3], 1.0)
    with pytest.raises(ValueError, match="B >= 1"):
        losses.clip(image[:0], text[:0], 1.0)
    with pytest.raises(ValueError, match="positives has shape"):
        losses.clip(image, text, 1.0, torch.ones(2, 2, dtype=torch.bool))
    with pytest.raises(ValueError, match="needs a positive"):
        losses.clip(image, text, 1.0, torch.zeros(4, 4, dtype=torch.bool))
    with pytest.raises(ValueError, match="labels has shape"):
        losses.unicl(image, text, 1.0, torch.zeros(3, dtype=torch.long))
