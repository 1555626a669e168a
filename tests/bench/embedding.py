"""Images/s from JPEG files to embeddings: `embed.images` against three libraries' plain fp32 loops."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from tests.bench import medians
from utils import embed, encoders

BATCH = 32


def run(images: int = 128, repeats: int = 5) -> dict[str, object]:
    """Returns images/s by way, the precision chosen, and the least cosine to clip with the same weights."""
    with tempfile.TemporaryDirectory() as folder:
        paths = write_photos(Path(folder), images)
        plain, weights = clip_loop()
        torch.save(weights, Path(folder) / "vit-b-32.pt")
        encoder = encoders.load(Path(folder) / "vit-b-32.pt", device="cpu")
        ways = {
            "embed.images": lambda: embed.images(encoder, paths, batch=BATCH, cache=False),
            "clip": lambda: plain(paths),
            "open_clip": bound(open_clip_loop(), paths),
            "transformers": bound(transformers_loop(), paths),
        }
        cosine = float((ways["embed.images"]() * ways["clip"]()).sum(axis=1).min())
        seconds = medians(ways, repeats)
    rates = {name: images / time for name, time in seconds.items()}
    return {
        "rates": rates,
        "precision": encoder.precision,
        "cosine": cosine,
        "n": images,
    }


def bound(loop, paths):
    return lambda: loop(paths)


def write_photos(folder: Path, n: int, seed: int = 0) -> list[Path]:
    """JPEGs of 640 x 480 px with the size of photographs (about 60 KB): smooth colours and some grain."""
    rng, paths = np.random.default_rng(seed), []
    for i in range(n):
        coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((640, 480), Image.Resampling.BICUBIC), np.float32)
        pixels = np.clip(smooth + rng.normal(0, 6, (480, 640, 1)), 0, 255).astype(np.uint8)
        paths.append(folder / f"{i:04d}.jpg")
        Image.fromarray(pixels).save(paths[-1], quality=85)
    return paths


def loop(paths, preprocess, encode) -> np.ndarray:
    """What the libraries' own examples do: open, preprocess, stack, encode, normalise."""
    rows = []
    with torch.no_grad():
        for start in range(0, len(paths), BATCH):
            opened = [Image.open(path).convert("RGB") for path in paths[start : start + BATCH]]
            features = encode(preprocess(opened))
            rows.append((features / features.norm(dim=-1, keepdim=True)).numpy())
    return np.concatenate(rows)


def stacked(step):
    return lambda images: torch.stack([step(image) for image in images])


def clip_loop():
    from clip.clip import _transform
    from clip.model import CLIP

    torch.manual_seed(0)
    model = CLIP(512, 224, 12, 768, 32, 77, 49408, 512, 8, 12).eval()
    return lambda paths: loop(paths, stacked(_transform(224)), model.encode_image), model.state_dict()


def open_clip_loop():
    import open_clip

    model, _, step = open_clip.create_model_and_transforms("ViT-B-32", pretrained=None)
    model.eval()
    return lambda paths: loop(paths, stacked(step), model.encode_image)


def transformers_loop():
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    model, processor = CLIPModel(CLIPConfig()).eval(), CLIPImageProcessor()

    def preprocess(images):
        return processor(images, return_tensors="pt")["pixel_values"]

    def encode(pixels):
        return model.get_image_features(pixel_values=pixels).pooler_output

    return lambda paths: loop(paths, preprocess, encode)
