"""Search for people: an archive of photographs that answers sentences, pictures, or both."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from utils import embed, search

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from utils.encoders import Encoder


class Archive:
    """A manifest, the encoder, and the embedding of every photograph.

    Example, with a folder of your own photographs:
        archive = Archive(datasets.image_folder("my_photos"), encoders.load("clip-vit-openai"))
        archive.show("a turtle swimming over sand")
    """

    def __init__(self, frame: pd.DataFrame, encoder: Encoder, progress: bool = False):
        """Embed every image of the manifest; those that cannot be read are left out and named in a warning.

        Raises:
            ValueError: no image is left.
        """
        self.encoder = encoder
        self.emb, index, failures = embed.readable(encoder, list(frame["path"]), progress=progress)
        if failures:
            warnings.warn(f"{len(failures)} images left out: {'; '.join(list(failures.values())[:3])}", stacklevel=2)
        if not len(index):
            raise ValueError("the archive holds no image that can be read; give a folder or manifest with photographs")
        self.frame = frame.iloc[index].reset_index(drop=True)

    def __len__(self) -> int:
        return len(self.frame)

    def ask(
        self,
        sentence: str | Sequence[str] = "",
        image: str | Path | None = None,
        minus: str | Sequence[str] = "",
        k: int = 6,
        **where: Any,
    ) -> pd.DataFrame:
        """The best photographs, best first.

        Args:
            sentence: what to look for; several wordings are averaged.
            image: a picture to look like, alone or together with the sentence.
            minus: what to stay away from ("turtle" minus "net").
            k: answers; fewer where the archive or the filter holds fewer.
            where: filters on manifest columns and facts, as `search.filter_mask` takes them (light="dim").

        Returns:
            The manifest's rows with a first column `score`, the cosine similarity.

        Raises:
            ValueError: neither sentence nor image; k below 1; an unknown filter; a query that cancels itself out.
        """
        if k < 1:
            raise ValueError(f"k is {k}; ask for at least one photograph")
        sentences, without = _lines(sentence), _lines(minus)
        if not sentences and image is None:
            raise ValueError("the query is empty: type a sentence, give an image, or both")
        plus = [self._text(sentences)] if sentences else []
        plus += [embed.images(self.encoder, [image])[0]] if image is not None else []
        query = search.compose(plus, [self._text(without)] if without else [])
        mask = search.filter_mask(self.frame, **where) if where else None
        scores, index = search.top_k(query, self.emb, k=k, mask=mask)
        answers = self.frame.iloc[index[0]].drop(columns="score", errors="ignore")
        answers.insert(0, "score", scores[0])
        return answers.reset_index(drop=True)

    def show(self, sentence: str | Sequence[str] = "", **ask: Any) -> Figure:
        """The answers of `ask` as a picture."""
        from utils import plots

        answers = self.ask(sentence, **ask)
        if answers.empty:
            raise ValueError("no photograph passes the filter; loosen it")
        title = " / ".join(_lines(sentence)) or f"like {Path(ask['image']).name}"
        title += f"  − {' / '.join(_lines(ask['minus']))}" if _lines(ask.get("minus", "")) else ""
        return plots.search_poster(
            [title],
            list(answers["path"]),
            answers["score"].to_numpy()[None],
            np.arange(len(answers))[None],
            k=len(answers),
        )

    def widget(self, k: int = 6) -> Any:
        """A search box for notebooks: type a sentence, press Enter."""
        import ipywidgets as widgets
        from IPython.display import display

        box = widgets.Text(
            placeholder="a turtle swimming over sand",
            description="find",
            layout={"width": "60%"},
            continuous_update=False,
        )
        without = widgets.Text(
            placeholder="(optional)", description="without", layout={"width": "35%"}, continuous_update=False
        )
        out = widgets.Output()

        def answer(_change: Any = None) -> None:
            out.clear_output(wait=True)
            with out:
                try:
                    display(self.show(box.value, minus=without.value, k=k))
                except ValueError as error:
                    print(error)

        box.observe(answer, "value")
        without.observe(answer, "value")
        return widgets.VBox([widgets.HBox([box, without]), out])

    def _text(self, sentences: list[str]) -> np.ndarray:
        """One embedding a wording, (p, d); `search.compose` averages them."""
        before = self.encoder.truncated
        emb = embed.texts(self.encoder, sentences)
        if self.encoder.truncated > before:
            warnings.warn(
                f"the query is longer than the model's {self.encoder.context} tokens; its end was cut off", stacklevel=3
            )
        return emb


def _lines(text: str | Sequence[str]) -> list[str]:
    lines = [text] if isinstance(text, str) else list(text) if isinstance(text, Iterable) else [text]
    if not all(isinstance(line, str) for line in lines):
        raise TypeError(f"a query is a sentence or a list of sentences, not {text!r}")
    return [line.strip() for line in lines if line.strip()]
