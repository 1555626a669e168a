"""Archives past one machine: photos to shards of embeddings, and an index over them.

```python
done = scale.embed_archive("s3://reef/2025", encoder, "s3://reef/emb", engine="ray")
index = scale.build_index(done.archive, "index")
scores, found = search.top_k(embed.texts(encoder, "a turtle in a net"), index)
index.rows(found[0])
```

README.md beside this file shows clusters, object stores and how to share the work.
"""

from utils.scale.archive import Archive, open_archive
from utils.scale.building import build_index
from utils.scale.costs import on_paper, prolonged
from utils.scale.embedding import Done, embed_archive
from utils.scale.index import Index, open_index
from utils.scale.kinds import KINDS, choose

__all__ = [
    "KINDS",
    "Archive",
    "Done",
    "Index",
    "build_index",
    "choose",
    "embed_archive",
    "on_paper",
    "open_archive",
    "open_index",
    "prolonged",
]
