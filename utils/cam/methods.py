"""Methods of class activation mapping, by name; the classes are those of the package grad-cam.

Grad-CAM (Selvaraju et al. 2017), Grad-CAM++ (Chattopadhay et al. 2018), Score-CAM (Wang et al. 2020), Ablation-CAM (Desai
and Ramaswamy 2020), XGrad-CAM (Fu et al. 2020), Eigen-CAM (Muhammad and Yeasin 2020), HiResCAM (Draelos and Carin 2020),
Layer-CAM (Jiang et al. 2021).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from utils.cam.layers import Layer

METHODS = MappingProxyType({
    "gradcam": "GradCAM", "gradcam++": "GradCAMPlusPlus", "layercam": "LayerCAM", "hirescam": "HiResCAM",
    "xgradcam": "XGradCAM", "eigencam": "EigenCAM", "eigengradcam": "EigenGradCAM", "scorecam": "ScoreCAM",
    "ablationcam": "AblationCAM",
})  # fmt: skip
BY_TRIAL = ("scorecam", "ablationcam")  # run the model once a channel, a picture at a time
_EIGEN = ("eigencam", "eigengradcam")


def check(method: str) -> None:
    """A ValueError for a name that is not in `METHODS`."""
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}; choose one of {', '.join(METHODS)}")


def make(method: str, tower: torch.nn.Module, module: torch.nn.Module, layer: Layer) -> Any:
    """The package's object for `module`, the `layer` of `tower`: called with pixels and targets it gives (n, h, w)."""
    import pytorch_grad_cam

    kind = getattr(pytorch_grad_cam, METHODS[method])
    if method in _EIGEN:
        kind = _signed(kind)
    options = {"ablation_layer": _ablation(layer)} if method == "ablationcam" else {}
    return kind(tower, [module], reshape_transform=layer.grid, **options)


def _signed(kind: type) -> type:
    """The sign of an eigenvector is whatever the linear algebra gives: its stronger side is made the positive one."""
    from pytorch_grad_cam.utils.svd_on_activations import get_2d_projection_with_sign_correction

    class Signed(kind):
        def get_cam_image(self, input_tensor, target_layer, targets, activations, grads, eigen_smooth):
            return get_2d_projection_with_sign_correction(grads * activations if self.uses_gradients else activations)

    return Signed


def _ablation(layer: Layer) -> Any:
    """Sets a channel to 0, as the paper does.

    The package takes a huge negative number where activations may be negative, which drowns all else in an attention.
    """
    from pytorch_grad_cam import AblationLayer

    axis = layer.batch_axis

    class Zeroed(AblationLayer):
        def set_next_batch(self, input_batch_index, activations, num_channels_to_ablate):
            one = activations.narrow(axis, input_batch_index, 1)
            self.activations = one.repeat_interleave(num_channels_to_ablate, dim=axis)

        def __call__(self, x):
            out = self.activations
            for i, channel in zip(range(out.shape[axis]), self.indices, strict=False):
                one = out.select(axis, i)
                one.select(0 if out.ndim == 4 else 1, int(channel)).zero_()
            return out

    return Zeroed()


@contextmanager
def without_bars() -> Iterator[None]:
    """Score-CAM and Ablation-CAM draw a progress bar a picture and have no switch for it."""
    from pytorch_grad_cam import ablation_cam, score_cam

    kept = [(module, module.tqdm) for module in (ablation_cam, score_cam)]
    for module, _ in kept:
        module.tqdm = SimpleNamespace(tqdm=lambda steps: steps)
    try:
        yield
    finally:
        for module, bar in kept:
            module.tqdm = bar
