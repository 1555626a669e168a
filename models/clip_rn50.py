"""The miniature CLIP with a residual network: a state dict in OpenAI's format, loaded by the clip package.

Its tokenizer is OpenAI's own, so the table of tokens has all 49,408 rows; what no caption uses stays near zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.packing import deflate
from models.pairs import Pairs
from utils import files

if TYPE_CHECKING:
    import torch

FILE = "model.pt"
VOCABULARY = 49_408


class Task(Pairs):
    """Contrastive pretraining of OpenAI's `clip.model.CLIP` with a ModifiedResNet."""

    def __init__(self, recipe: Mapping[str, Any], folder: Path, seed: int = 0):
        from clip.simple_tokenizer import SimpleTokenizer

        super().__init__(recipe, folder, seed)
        tokenizer = SimpleTokenizer()
        start, end = (tokenizer.encoder[token] for token in ("<|startoftext|>", "<|endoftext|>"))
        self.pad, self.context = 0, recipe["architecture"]["text"]["context"]
        self.ids = [[start, *tokenizer.encode(text)[: self.context - 2], end] for text in self.distinct]
        self.prompts = [tokenizer.encode(prompt) for prompt in recipe["data"]["prompts"]]
        self.articles = set(tokenizer.encode("a an"))

    def build(self) -> torch.nn.Module:
        """The class of the clip package; rows of tokens that no caption uses start at zero and stay there."""
        import torch
        from clip.model import CLIP

        sizes = self.recipe["architecture"]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            model = CLIP(
                sizes["projection"], sizes["image_size"], tuple(sizes["vision"]["layers"]), sizes["vision"]["width"], None,
                sizes["text"]["context"], VOCABULARY, sizes["text"]["width"], sizes["text"]["heads"], sizes["text"]["layers"],
            )  # fmt: skip
        used = sorted({token for ids in [*self.ids, *self.prompts] for token in ids})
        unused = torch.ones(VOCABULARY, dtype=torch.bool)
        unused[used] = False
        model.token_embedding.weight.data[unused] = 0
        return model

    def features(self, model: Any, pixels: torch.Tensor, ids: torch.Tensor, kept: Any) -> tuple:
        """Unit embeddings of both towers; `kept` means nothing to a convolution."""
        from torch.nn.functional import normalize

        image, text = model.encode_image(pixels), model.encode_text(ids)
        return normalize(image.float(), dim=-1), normalize(text.float(), dim=-1)

    def export(self, model: torch.nn.Module, out: Path) -> None:
        """Write the state dict in fp16, which `clip.load` and `encoders.load` take."""
        import torch

        state = {
            name: value.half() if value.is_floating_point() else value for name, value in model.state_dict().items()
        }
        with files.atomic_write(out / FILE) as temporary:
            with temporary.open("wb") as file:
                torch.save(state, file)  # to a path it would put the temporary name into the file
            deflate(temporary)  # most tokens are in no caption: their rows are zero
