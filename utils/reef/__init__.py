"""ReefWorld: a procedural sea with exact truth, written in the native layouts of real data sets."""

from utils.reef.kinds import KINDS
from utils.reef.language import satisfies
from utils.reef.mixture import any_scene
from utils.reef.reading import read
from utils.reef.world import evaluation_set, record, training_set
from utils.reef.writers import write

__all__ = ["KINDS", "any_scene", "evaluation_set", "read", "record", "satisfies", "training_set", "write"]
