"""Contrastive losses between a batch of images and their texts.

All of them take unit-length embeddings and the *log* of the scale, as CLIP keeps it in its parameter. Pairs
that mean the same (one caption twice, one label) are told to the loss as positives, so that the model is not
asked to push a true pair apart.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

LOG_MAX_SCALE = math.log(100.0)


def clip(
    image_emb: torch.Tensor,
    text_emb: torch.Tensor,
    logit_scale: torch.Tensor | float,
    positives: torch.Tensor | None = None,
) -> torch.Tensor:
    """Symmetric InfoNCE (Radford et al. 2021, figure 3), with several positives a row where they are given.

    The target of a row is uniform over its positives, and likewise for columns. Without `positives` the pairs
    on the diagonal are the only ones. Computed in float32 at least, whatever the precision around it.

    Args:
        image_emb: (B, d) float, unit length.
        text_emb: (B, d) float, unit length, row i belongs to image i.
        logit_scale: natural logarithm of the scale; values above log 100 count as log 100.
        positives: (B, B) bool, [i, j] is true where text j is right for image i; one in every row and column.

    Returns:
        Scalar loss, the mean of image to text and text to image.

    Raises:
        ValueError: for an empty batch, shapes that do not fit, or an image or text without a positive.
    """
    logits = _logits(image_emb, text_emb, logit_scale)
    positives = _positives(logits, positives)
    return (_soft_cross_entropy(logits, positives) + _soft_cross_entropy(logits.T, positives.T)) / 2


def unicl(
    image_emb: torch.Tensor,
    text_emb: torch.Tensor,
    logit_scale: torch.Tensor | float,
    labels: torch.Tensor,
    positives: torch.Tensor | None = None,
) -> torch.Tensor:
    """Bidirectional contrastive loss of UniCL (Yang et al. 2022): all pairs of one label are positives.

    Mean over the batch, mean over the positives and half of each direction, as in the authors' training code.

    Args:
        image_emb: (B, d) float, unit length.
        text_emb: (B, d) float, unit length.
        logit_scale: natural logarithm of the scale, clamped at log 100.
        labels: (B,) int; -1 marks a pair that is like no other.
        positives: (B, B) bool, more positives than the labels give: pairs of one wording.

    Returns:
        Scalar loss; equal to `clip` where no label occurs twice.

    Raises:
        ValueError: as `clip`, or if `labels` is not (B,).
    """
    import torch

    if labels.shape != image_emb.shape[:1]:
        raise ValueError(f"labels has shape {tuple(labels.shape)}, the batch needs ({len(image_emb)},)")
    same = (labels[:, None] == labels[None, :]) & (labels[:, None] >= 0)
    same = same | torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    return clip(image_emb, text_emb, logit_scale, same if positives is None else same | positives)


def combined(
    image_emb: torch.Tensor,
    text_emb: torch.Tensor,
    logit_scale: torch.Tensor | float,
    labels: torch.Tensor,
    weight: float = 0.5,
    positives: torch.Tensor | None = None,
) -> torch.Tensor:
    """`weight` x UniCL + (1 - `weight`) x CLIP.

    Cross-entropy is linear in its target, so at 0.5 this is one cross-entropy with the target
    (identity + M / |P|) / 2, where M marks pairs of equal label and |P| counts them in the row.

    Args:
        image_emb: (B, d) float, unit length.
        text_emb: (B, d) float, unit length.
        logit_scale: natural logarithm of the scale, clamped at log 100.
        labels: (B,) int, -1 for a pair that is like no other.
        weight: share of UniCL, in [0, 1].
        positives: (B, B) bool for both parts: pairs of one wording, the diagonal included.

    Raises:
        ValueError: as `unicl`, or if `weight` lies outside [0, 1].
    """
    if not 0.0 <= weight <= 1.0:
        raise ValueError(f"weight is {weight}, give a share in [0, 1]")
    label_loss = unicl(image_emb, text_emb, logit_scale, labels, positives)
    return weight * label_loss + (1.0 - weight) * clip(image_emb, text_emb, logit_scale, positives)


def siglip(
    image_emb: torch.Tensor,
    text_emb: torch.Tensor,
    logit_scale: torch.Tensor | float,
    bias: torch.Tensor | float = -10.0,
    positives: torch.Tensor | None = None,
) -> torch.Tensor:
    """Pairwise sigmoid loss (Zhai et al. 2023): every pair is a yes-or-no question of its own.

    Args:
        image_emb: (B, d) float, unit length.
        text_emb: (B, d) float, unit length.
        logit_scale: natural logarithm of the scale, clamped at log 100.
        bias: added to every logit; the paper begins at -10, since most pairs are wrong.
        positives: (B, B) bool, by default the diagonal.

    Returns:
        Scalar: the sum over all pairs divided by B.

    Raises:
        ValueError: as `clip`.
    """
    import torch

    logits = _logits(image_emb, text_emb, logit_scale) + bias
    positives = _positives(logits, positives)
    return -torch.nn.functional.logsigmoid(torch.where(positives, logits, -logits)).sum() / len(logits)


def _logits(image_emb: torch.Tensor, text_emb: torch.Tensor, logit_scale: torch.Tensor | float) -> torch.Tensor:
    """(B, B) scaled similarities in float32 or better, also inside an autocast region."""
    import torch

    if image_emb.ndim != 2 or image_emb.shape != text_emb.shape or not len(image_emb):
        raise ValueError(
            f"image_emb {tuple(image_emb.shape)} and text_emb {tuple(text_emb.shape)} must be (B, d), B >= 1"
        )
    dtype = torch.promote_types(image_emb.dtype, torch.float32)
    scale = torch.as_tensor(logit_scale, dtype=dtype, device=image_emb.device).clamp(max=LOG_MAX_SCALE).exp()
    with torch.autocast(image_emb.device.type, enabled=False):
        return scale * (image_emb.to(dtype) @ text_emb.to(dtype).T)


def _positives(logits: torch.Tensor, positives: torch.Tensor | None) -> torch.Tensor:
    """What was given, checked against the logits; without it the diagonal."""
    import torch

    if positives is None:
        return torch.eye(len(logits), dtype=torch.bool, device=logits.device)
    if positives.shape != logits.shape:
        raise ValueError(f"positives has shape {tuple(positives.shape)}, the batch needs {tuple(logits.shape)}")
    if not (positives.any(1).all() and positives.any(0).all()):
        raise ValueError("every image and every text needs a positive: set at least the diagonal of `positives`")
    return positives


def _soft_cross_entropy(logits: torch.Tensor, positives: torch.Tensor) -> torch.Tensor:
    """Mean over rows of the cross-entropy to a target that is uniform over the row's positives."""
    log_prob = logits.log_softmax(dim=1)
    return -(log_prob * positives).sum(1).div(positives.sum(1)).mean()


bic = unicl  # the marine seed's own name for it: "bidirectional contrastive"
