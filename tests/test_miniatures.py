"""The committed miniatures: whole, signed, small enough, and what their cards and the table of models/ say of them."""

import pytest

from models import cards, train
from models.task import recipes
from utils import config, encoders, files
from utils.encoders import weights

MODELS = config.root() / "models"
FOLDERS = sorted(path.parent for path in MODELS.glob("*/card.json"))
SLOTS = {"clip-vit-openai", "clip-vit-laion", "clip-rn50", "yolov5", "yolov8", "detr", "blip", "llama", "spacy"}
SLOTS |= {"lora-openai", "lora-laion", "lora-fish"}
MOST_BYTES = 54_000_000


def test_every_slot_has_a_recipe_and_every_miniature_a_slot():
    assert recipes().keys() - {"vocabulary"} == SLOTS
    assert FOLDERS and {folder.name for folder in FOLDERS} <= SLOTS


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_miniature_holds_what_its_card_signs_and_no_more_bytes_than_its_recipe_allows(folder):
    card, recipe = files.read_json(folder / "card.json"), train.recipe_of(folder.name)
    weights.check_sums(folder)
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert found == card["sha256"].keys() | {"card.json", "README.md"}
    assert card["bytes"] == sum((folder / name).stat().st_size for name in card["sha256"]) <= recipe["max_bytes"]
    assert card["slot"] == folder.name and not card["recipe"]["training"]["smoke"]
    assert {figure["metric"] for figure in card["figures"]} >= set(card["headline"])


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_page_of_a_miniature_says_what_its_card_says(folder):
    card = files.read_json(folder / "card.json")
    assert (folder / "README.md").read_text(encoding="utf-8") == cards.model_card(card)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_page_of_a_miniature_names_what_is_there_and_its_card_holds_the_whole_recipe(folder):
    page, card = (folder / "README.md").read_text(encoding="utf-8"), files.read_json(folder / "card.json")
    recipe, plan = train.recipe_of(folder.name), card["recipe"]["training"]
    assert ("training.jsonl" in page) == (folder / "training.jsonl").exists()
    assert (recipe.keys() & cards.RECORDED) - {"budget"} <= card["recipe"].keys()
    assert recipe["budget"].keys() - {"minutes"} <= plan.keys() and card["examples"] == plan["steps"] * plan["batch"]


def test_the_table_of_miniatures_is_made_of_the_cards_and_introduced():
    page = (MODELS / "README.md").read_text(encoding="utf-8")
    assert page == cards.INTRODUCTION.replace(cards.BEGIN, f"{cards.BEGIN}\n{cards.table(MODELS)}")


def test_all_miniatures_together_leave_room_for_the_rest_of_the_repository():
    assert sum(files.read_json(folder / "card.json")["bytes"] for folder in FOLDERS) <= MOST_BYTES


@pytest.mark.parametrize("slot", [folder.name for folder in FOLDERS if folder.name.startswith("clip")])
def test_a_clip_miniature_is_loaded_by_its_slot_and_wide_enough(slot):
    encoder = encoders.load(slot, device="cpu", precision="fp32")
    assert encoder.dim >= 128 and encoder.encode_texts(["a turtle in the sea"]).shape == (1, encoder.dim)
