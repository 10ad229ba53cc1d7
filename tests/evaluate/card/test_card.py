from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.evaluate.card.planted import (
    PIXELS,
    TARGETS,
    card_of,
    folder_of,
    images,
    kinds,
    larger,
    rows,
    sentences,
    table,
)

from glassworks.data.labelled.open import open_source
from glassworks.evaluate.card.card import Card
from glassworks.report.data_card import card_page

SOME = 300


@pytest.fixture(scope="module")
def clean_images(tmp_path_factory: pytest.TempPathFactory) -> Card:
    return card_of(images(larger(PIXELS[:SOME]), TARGETS[:SOME]), tmp_path_factory.mktemp("clean"))


@pytest.fixture(scope="module")
def clean_rows(tmp_path_factory: pytest.TempPathFactory) -> Card:
    folder = tmp_path_factory.mktemp("rows")
    return card_of(table(rows(), folder, target="target"), folder)


class TestNothingPlanted:
    def test_clean_images_raise_no_alarm(self, clean_images: Card) -> None:
        assert kinds(clean_images, "serious", "look") <= {"balance"}  # 300 are few for ten classes
        assert {"exact copies", "near copies", "a border or corners that tell the class"} <= set(clean_images.nothing)

    def test_clean_rows_raise_no_alarm(self, clean_rows: Card) -> None:
        assert not kinds(clean_rows, "serious", "look")
        expected = {"ids among the columns", "a column that alone tells the target", "constant columns"}
        assert expected <= set(clean_rows.nothing)

    @pytest.mark.parametrize("name", ["digits", "moons", "circles", "xor", "blobs", "spirals"])
    def test_data_that_come_with_us_have_no_serious_fault(self, name: str, tmp_path: Path) -> None:
        assert not kinds(card_of(open_source(name), tmp_path), "serious", "look")

    def test_cards_of_the_same_data_are_the_same(self, clean_rows: Card, tmp_path: Path) -> None:
        again = card_of(table(rows(), tmp_path, target="target"), tmp_path)
        assert again.as_json() == clean_rows.as_json()


class TestCopies:
    def test_copies_across_splits_of_the_source_are_serious_and_counted(self, tmp_path: Path) -> None:
        pixels, targets = larger(PIXELS[:SOME]), TARGETS[:SOME]
        splits = [("test", "train", "train", "train", "validation")[i % 5] for i in range(SOME)]
        pixels[[0, 5, 10]] = pixels[[1, 2, 3]]
        targets = targets.copy()
        targets[[0, 5, 10]] = targets[[1, 2, 3]]
        card = card_of(images(pixels, targets, splits=splits), tmp_path, "copies")
        assert card.findings[0].level == "serious"
        assert "3 test images are also in training" in sentences(card, "duplicates")
        assert card.facts["duplicates"]["in_train"]["test"] == 3
        assert card.findings[0].names == ("image 0", "image 5", "image 10")

    def test_equal_images_of_other_classes_come_first(self, tmp_path: Path) -> None:
        pixels = larger(PIXELS[:SOME])
        pixels[7] = pixels[0]  # a 7 that is a 0
        pixels[12] = pixels[22]  # both are 2
        card = card_of(images(pixels, TARGETS[:SOME]), tmp_path, "copies")
        assert "1 image is there several times with different targets" in card.findings[0].sentence
        assert {card.whole.names([i])[0] for i in card.pairs["exact"][0]} == {"image 0", "image 7"}
        assert card.facts["duplicates"]["groups"] == 2
        assert card.findings[0].names == ("image 0 (0) = image 7 (7)",)

    def test_equal_rows_of_few_values_are_no_alarm(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        some = [
            {"a": int(rng.integers(4)), "b": "xyz"[int(rng.integers(3))], "target": "no" if rng.random() < 0.4 else "y"}
            for _ in range(300)
        ]
        card = card_of(table(some, tmp_path, target="target"), tmp_path, "copies")
        assert "duplicates" not in kinds(card, "serious", "look")
        assert card.facts["duplicates"]["groups"] == 12

    def test_equal_rows_of_numbers_are_told(self, tmp_path: Path) -> None:
        some = rows()
        card = card_of(table([*some, some[3]], tmp_path, target="target"), tmp_path, "copies")
        assert "duplicates" in kinds(card, "look")
        other = {**some[3], "target": "yes" if some[3]["target"] == "no" else "no"}
        card = card_of(table([*some, other], tmp_path / "b", target="target"), tmp_path, "copies")
        assert "duplicates" in kinds(card, "serious")


class TestNearCopies:
    def test_a_brighter_a_noisier_and_a_rescaled_copy_are_found(self, tmp_path: Path) -> None:
        pixels, targets = larger(PIXELS[:SOME]), TARGETS[:SOME]
        rng = np.random.default_rng(1)
        brighter = (pixels[3] * 0.7 + 40).astype(np.uint8)
        noisier = np.clip(pixels[4] + rng.normal(0, 4, pixels[4].shape), 0, 255).astype(np.uint8)
        small = Image.fromarray(pixels[5][0]).resize((48, 48), Image.Resampling.BICUBIC)
        rescaled = np.asarray(small.resize((32, 32), Image.Resampling.LANCZOS))[None]
        card = card_of(
            images(np.concatenate([pixels, [brighter, noisier, rescaled]]), [*targets, *targets[3:6]]), tmp_path, "near"
        )
        named = {frozenset(card.whole.names(pair)) for pair in card.pairs["near"]}
        assert named == {frozenset((f"image {i}", f"image {297 + i}")) for i in (3, 4, 5)}
        assert "near_duplicates" in kinds(card, "serious", "look")

    def test_rows_that_were_rounded_are_found(self, tmp_path: Path) -> None:
        some = rows()
        rounded = [
            {**row, "a": round(row["a"], 3), "b": round(row["b"], 3), "c": round(row["c"], 3)} for row in some[:15]
        ]
        card = card_of(table(some + rounded, tmp_path, target="target"), tmp_path, "near")
        assert card.facts["near_duplicates"]["pairs"] >= 14
        assert "near_duplicates" in kinds(card, "serious", "look")


class TestLeaks:
    @pytest.mark.parametrize("place", [(slice(0, 3), slice(0, 3)), (slice(-3, None), slice(-3, None))])
    def test_a_corner_mark_on_one_class_is_found(self, place: tuple[slice, slice], tmp_path: Path) -> None:
        pixels, targets = larger(PIXELS[:SOME]), TARGETS[:SOME]
        for i in np.flatnonzero(targets == 3):
            pixels[i, 0][place] = 255
        card = card_of(images(pixels, targets), tmp_path, "border")
        where = "top left" if place[0].start == 0 else "bottom right"
        assert f"The {where} corner alone tells class '3' (F1 1.00, elsewhere 0." in sentences(card, "border")
        assert "border" in kinds(card, "serious")

    def test_a_corner_whose_brightness_is_the_class_is_found(self, tmp_path: Path) -> None:
        pixels, targets = larger(PIXELS[:SOME]), TARGETS[:SOME]
        pixels[:, 0, :2, -2:] = (targets * 25).astype(np.uint8)[:, None, None]
        assert "top right" in sentences(card_of(images(pixels, targets), tmp_path, "border"), "border")

    def test_marks_of_two_classes_in_scenes_that_tell_them_anyhow_are_named(self, tmp_path: Path) -> None:
        """Each class has a background of its own, which every place tells nearly as well."""
        rng, targets = np.random.default_rng(0), np.repeat(np.arange(4), 60)
        backgrounds = rng.integers(60, 190, (4, 3))[targets][:, :, None, None]
        pixels = np.clip(backgrounds + rng.normal(0, 60, (240, 3, 1, 1)) + rng.normal(0, 5, (240, 3, 32, 32)), 0, 255)
        pixels = pixels.astype(np.uint8)
        clean = card_of(images(pixels, targets), tmp_path / "clean", "border")
        assert "border" not in kinds(clean, "serious")
        pixels[targets == 1, :, :3, :3] = np.array([255, 0, 255], np.uint8)[:, None, None]
        pixels[targets == 2, :, -3:, :3] = np.array([0, 255, 0], np.uint8)[:, None, None]
        said = sentences(card_of(images(pixels, targets), tmp_path / "marked", "border"), "border")
        assert "The top left corner alone tells class '1' (F1 1.00" in said
        assert "the bottom left corner alone tells class '2' (F1 1.00" in said

    def test_a_frame_is_found(self, tmp_path: Path) -> None:
        pixels, targets = larger(PIXELS[:SOME]), TARGETS[:SOME]
        for i in np.flatnonzero(targets == 5):
            pixels[i, 0, 0, 8:24] = 255
        card = card_of(images(pixels, targets), tmp_path, "border")
        assert "The outermost pixels alone tell class '5'" in sentences(card, "border")

    def test_a_column_made_of_the_target_is_found_beside_its_control(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        some = [{**row, "refund": (row["target"] == "yes") * 10 + round(rng.random(), 2)} for row in rows()]
        card = card_of(table(some, tmp_path, target="target"), tmp_path, "columns")
        found = next(finding for finding in card.findings if finding.what == "column")
        assert found.level == "serious"
        assert found.numbers["column"] == "refund"
        assert found.numbers["skill"] > 0.98
        assert found.numbers["best_control"] < 0.3

    def test_a_column_made_of_a_number_is_found(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        some = [{"a": x, "sum": x + y, "target": 3 * (x + y) + 1} for x, y in rng.normal(size=(300, 2)).round(4)]
        card = card_of(table(some, tmp_path, target="target"), tmp_path, "columns")
        assert "'sum' alone explains" in sentences(card, "column")
        assert "'a'" not in sentences(card, "column")

    def test_a_time_that_only_some_have_gives_the_class_away(self, tmp_path: Path) -> None:
        day = date(2024, 1, 1)
        some = [
            {**row, "cancelled": str(day + timedelta(days=i)) if row["target"] == "yes" else ""}
            for i, row in enumerate(rows())
        ]
        card = card_of(table(some, tmp_path, target="target"), tmp_path, "columns")
        assert "The time 'cancelled' alone tells the class" in sentences(card, "time")
        assert "time" in kinds(card, "serious")

    def test_a_time_after_the_rows_own_is_found_and_one_before_it_is_not(self, tmp_path: Path) -> None:
        day, rng = date(2024, 1, 1), np.random.default_rng(0)
        some = []
        for row in rows():
            opened = day + timedelta(days=int(rng.integers(300)))
            born, closed = (opened + timedelta(days=int(days)) for days in (-rng.integers(1, 900), rng.integers(1, 40)))
            some.append({**row, "opened": str(opened), "closed": str(closed), "born": str(born)})
        card = card_of(table(some, tmp_path, target="target", time="opened"), tmp_path, "columns")
        assert "'closed' lies after the row's own in 100 %" in sentences(card, "time")
        assert "born" not in sentences(card, "time")

    def test_ids_and_constants_are_named(self, tmp_path: Path) -> None:
        order = np.random.default_rng(0).permutation(400)
        some = [
            {"number": 1000 + int(order[i]), "serial": 7 * i, "unit": "kg", "age": int(order[i]) % 90, **row}
            for i, row in enumerate(rows())
        ]
        card = card_of(table(some, tmp_path, target="target"), tmp_path, "columns")
        ids = next(finding for finding in card.findings if finding.what == "ids")
        assert ids.numbers["columns"] == ["number", "serial"]
        assert "unit is the same" in sentences(card, "constant")


class TestClassesAndGroups:
    def test_a_rare_class_is_told_with_what_saying_the_other_always_gives(self, tmp_path: Path) -> None:
        keep = np.concatenate([np.flatnonzero(TARGETS == 1)[:150], np.flatnonzero(TARGETS == 0)[:12]])
        card = card_of(images(PIXELS[keep], TARGETS[keep]), tmp_path, "counts")
        found = next(finding for finding in card.findings if finding.what == "balance")
        assert "Class '1' has 12 times as many examples" in found.sentence
        assert "93 %" in found.control

    def test_a_test_of_other_classes_is_told(self, tmp_path: Path) -> None:
        splits = ["test" if i % 5 == 0 or (t < 3 and i % 2) else "train" for i, t in enumerate(TARGETS[:SOME])]
        card = card_of(images(PIXELS[:SOME], TARGETS[:SOME], splits=splits), tmp_path, "counts")
        assert "Classes are mixed otherwise in test than in train" in sentences(card, "balance")

    def test_a_class_with_hardly_any_held_out_examples_is_to_be_looked_at(self, tmp_path: Path) -> None:
        splits = ["test" if i % 2 else "train" for i in range(SOME)]
        rest = np.flatnonzero(TARGETS[:SOME] == 4)[2:]
        splits = ["train" if i in rest else "test" if TARGETS[i] == 4 else split for i, split in enumerate(splits)]
        card = card_of(images(PIXELS[:SOME], TARGETS[:SOME], splits=splits), tmp_path, "counts")
        assert "'4': 0 validation and 2 test" in sentences(card, "balance").replace("1 validation", "0 validation")
        assert "balance" in kinds(card, "look")

    def test_groups_in_several_splits_are_serious(self, tmp_path: Path) -> None:
        splits = ["test" if i % 5 == 0 else "train" for i in range(SOME)]
        groups = [f"writer {i // 10}" for i in range(SOME)]
        pixels, targets = larger(PIXELS[:SOME]), TARGETS[:SOME]
        card = card_of(images(pixels, targets, splits=splits, groups=groups), tmp_path, "counts")
        assert "30 of 30 groups lie in several splits" in sentences(card, "groups")
        drawn = card_of(images(pixels, targets, groups=groups), tmp_path / "b", "counts")
        assert "groups" not in kinds(drawn, "serious")


class TestFiles:
    def test_sizes_modes_and_formats_are_those_of_the_files(self, tmp_path: Path) -> None:
        folder = folder_of(larger(PIXELS[:60]), TARGETS[:60], tmp_path / "photos")
        one, other = sorted((folder / "3").iterdir())[:2]
        Image.open(one).resize((40, 50)).convert("RGB").save(one.with_suffix(".jpg"))
        Image.open(other).convert("P").save(other)
        card = card_of(open_source(folder), tmp_path)
        assert card.facts["found"] == {
            "sizes": {"32 × 32": 60, "50 × 40": 1},
            "modes": {"L": 59, "RGB": 1, "P": 1},
            "formats": {"PNG": 60, "JPEG": 1},
            "different_sizes": 2,
            "heights": [32, 50],
            "widths": [32, 40],
            "cut": 1,
        }
        assert "2 different sizes" in sentences(card, "images")
        assert "JPEG (1)" in sentences(card, "images")
        assert "1 of 61 images have another shape" in sentences(card, "images")

    def test_of_many_sizes_the_page_lists_a_few_and_their_range(self, tmp_path: Path) -> None:
        folder = folder_of(PIXELS[:40], TARGETS[:40], tmp_path / "photos")
        for i, file in enumerate(sorted(folder.rglob("*.png"))):
            Image.open(file).resize((16 + i, 40)).save(file)
        page = card_page(card_of(open_source(folder), tmp_path))
        assert "Of 40 sizes, heights of 40 to 40 and widths of 16 to 55, the 5 commonest are listed" in page
        assert page.count(">size<") == 5


def test_images_that_are_dark_or_bright_all_over_are_no_serious_border(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 90, (120, 1, 16, 16)).astype(np.uint8)
    pixels[::2] += 120
    card = card_of(images(pixels, np.arange(120) % 2), tmp_path, "border")
    assert "border" in kinds(card, "look")
    assert "border" not in kinds(card, "serious")
