import json
import lzma
import shutil

import numpy as np
import pytest
import torch

from spinalnet_lib import list_datasets, load_dataset
from spinalnet_lib.cli.main import main
from spinalnet_lib.data import own_sets
from spinalnet_lib.data.cards import load_card
from spinalnet_lib.data.own_sets import write_card
from tests.data.cases import flip_in_gz, sha, sheet, write_classes, write_photo


@pytest.fixture
def arrays(tmp_path):
    """A packed set of grey images with a card, as `arrays`."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "glyphs"
    folder.mkdir()
    card = {"name": "glyphs", "title": "Glyphs", "kind": "arrays", "official": False, "num_classes": 3}
    card |= {"splits": {"train": 36, "test": 9}, "shape": [1, 9, 9], "licence": "CC0", "note": "made up"}
    card["sha256_of_raw_pixels"] = {}
    for part, count in card["splits"].items():
        images, labels = rng.integers(0, 256, (count, 9, 9), dtype=np.uint8), np.arange(count, dtype=np.uint8) % 3
        for what, array in (("images", images), ("labels", labels)):
            np.save(folder / f"{part}_{what}.npy", array)
            card["sha256_of_raw_pixels"][f"{part}_{what}"] = sha(array)
    (folder / "card.json").write_text(json.dumps(card))
    return folder


def change_card(folder, **changes):
    card = json.loads((folder / "card.json").read_text()) | changes
    (folder / "card.json").write_text(json.dumps({k: v for k, v in card.items() if v is not None}))


def test_arrays_load_by_the_folders_name_plain_and_packed(arrays):
    root = arrays.parent
    assert "glyphs" in list_datasets(root) and "glyphs" in list_datasets(root, present=True)
    plain = load_dataset("glyphs", root)
    assert (len(plain.train), len(plain.val), len(plain.test)) == (30, 6, 9) and plain.source == "packed"
    assert plain.card["own_split"] and plain.card["licence"] == "CC0" and plain.card["traps"] == "made up"
    for path in arrays.glob("*.npy"):
        path.with_name(path.name + ".xz").write_bytes(lzma.compress(path.read_bytes()))
        path.unlink()
    assert load_dataset("glyphs", root).sha256 == plain.sha256


def test_sheets_load_from_the_sheets_and_unpacked(tmp_path):
    tiles = np.random.default_rng(0).integers(0, 256, (24, 8, 8, 3), dtype=np.uint8)
    folder = tmp_path / "tiles"
    folder.mkdir()
    sheet(folder, tiles, 4, "train_000.webp")
    np.save(folder / "train_labels.npy", np.arange(24) % 2)
    card = {"name": "tiles", "kind": "sheets", "tile": 8, "columns": 4, "num_classes": 2, "splits": {"train": 24}}
    card["sha256_of_raw_pixels"] = {"train_images": sha(tiles)}
    (folder / "card.json").write_text(json.dumps(card))
    data = load_dataset("tiles", tmp_path)
    assert data.train.images.shape[1:] == (3, 8, 8) and len(data.test) == 4  # own split: a fifth, class by class
    (folder / "train_000.webp").unlink()
    np.save(folder / "train_images.npy", tiles)
    assert load_dataset("tiles", tmp_path).sha256 == data.sha256


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def forge_header(path, shape):
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        file.write(bytes(500))


def on_card(message, **changes):
    return lambda folder: change_card(folder, **changes), message


def in_file(name, array, message=None):
    return lambda folder: np.save(folder / name, array), message or f"{name} holds {array.dtype}"


WRONG = {
    "a flipped bit in the images": (lambda f: flip_a_bit(f / "train_images.npy"), "differs from its card"),
    "a flipped bit in the labels": (
        lambda f: flip_a_bit(f / "test_labels.npy"),
        "test_labels.npy differs from its card",
    ),
    "a missing file": (lambda f: (f / "test_labels.npy").unlink(), "test_labels.npy is missing; put glyphs/ there"),
    "a cut file": (lambda f: (f / "test_images.npy").write_bytes(b"\x93NUMPY"), "test_images.npy is no whole"),
    "too few": in_file("test_images.npy", np.zeros((8, 9, 9), np.uint8)),
    "floats": in_file("test_images.npy", np.zeros((9, 9, 9))),
    "labels in a table": in_file("test_labels.npy", np.zeros((9, 1), int)),
    "channels first": in_file("test_images.npy", np.zeros((9, 3, 9, 9), np.uint8)),
    "no pixels": in_file("test_images.npy", np.zeros((9, 0, 9), np.uint8)),
    "a header of 5 GB": (lambda f: forge_header(f / "test_images.npy", (9, 9, 60_000_000)), "60000000"),
    "a header of 9 EB": (lambda f: forge_header(f / "test_images.npy", (9, 2**30, 2**30)), "1073741824"),
    "a header that no file has": (lambda f: forge_header(f / "test_images.npy", (9, 900, 900)), "test_images.npy"),
    "a flipped bit in a .gz": (lambda f: flip_in_gz(f / "test_images.npy"), "test_images.npy.gz cannot be unpacked"),
    "no JSON": (lambda f: (f / "card.json").write_text("{"), "card.json is no card"),
    "a list": (lambda f: (f / "card.json").write_text("[]"), "card.json is no card"),
    "deeply nested JSON": (lambda f: (f / "card.json").write_text("[" * 100_000), "card.json"),
    "bytes that are no text": (lambda f: (f / "card.json").write_bytes(b"\xff\xfe{"), "card.json"),
    "no kind": on_card("card.json: kind is None", kind=None),
    "another kind": on_card("card.json: kind is zip, needed is one of arrays", kind="zip"),
    "no training part": on_card("card.json: splits is {'test': 9}", splits={"test": 9}),
    "another part": on_card("card.json: splits is .*'dev': 9", splits={"train": 36, "dev": 9}),
    "a count in words": on_card("card.json: splits is {'train': '36'", splits={"train": "36", "test": 9}),
    "a billion images": on_card("splits.*1000000000", splits={"train": 10**9}),
    "parts in a list": on_card("card.json: parts is", kind="folder", parts=["train", "test"]),
    "a part that is a number": on_card(
        "card.json: parts is {'train': 5", kind="folder", parts={"train": 5, "test": "x"}
    ),
    "a title that is a number": on_card("card.json: title is 5", title=5),
    "a licence in a list": on_card(r"card.json: licence is \['CC0'\]", licence=["CC0"]),
    "parts elsewhere": on_card("inside of the set's own", kind="folder", parts={"train": "/etc", "test": "test"}),
    "no classes": on_card("card.json: num_classes is 0", num_classes=0),
    "a billion classes": on_card("num_classes.*1000000000", num_classes=10**9),
    "a label out of range": on_card("labels run from 0 to 2, its card says 0 to 1", num_classes=2),
    "classes in a word": on_card("classes is abc", classes="abc"),
    "a class without a name": on_card("classes", classes=[1, 2, 3]),
    "hashes in a list": on_card("sha256_of_raw_pixels", sha256_of_raw_pixels=[1]),
    "sheets without their size": on_card("tile", kind="sheets"),
    "a side in words": on_card("shorter_side.*big", kind="folder", shorter_side="big"),
    "another shape on the card": on_card(r"train_images.npy holds uint8 \(36, 9, 9\)", shape=[3, 64, 64]),
    "a shape in words": on_card("shape.*9×9", shape="9×9"),
    "a shape of two numbers": on_card(r"shape is \[9, 9\]", shape=[9, 9]),
    "a part of another shape": (
        lambda f: (change_card(f, shape=None), np.save(f / "test_images.npy", np.zeros((9, 8, 8), np.uint8))),
        r"test_images.npy holds uint8 \(9, 8, 8\), needed is .* 1 channels and 9×9",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_folders_are_refused_by_name(arrays, wrong):
    change, message = WRONG[wrong]
    change(arrays)
    with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
        load_dataset("glyphs", arrays.parent)
    assert "glyphs" in str(caught.value)


def test_a_folder_of_another_kind_is_no_set(arrays):
    change_card(arrays, kind="idx-labels")
    assert "glyphs" not in list_datasets(arrays.parent)
    with pytest.raises(ValueError, match=r"unknown data set 'glyphs'.*a folder under the data root with a card.json"):
        load_dataset("glyphs", arrays.parent)


@pytest.mark.parametrize("name", ["../glyphs", ""])
def test_a_path_is_no_name(arrays, name):
    with pytest.raises(ValueError, match="unknown data set"):
        load_dataset(name, arrays.parent)


@pytest.fixture
def own(tmp_path):
    return write_classes(tmp_path / "leaves", ["ash", "elm", "oak"], 12)


def test_a_new_card_makes_class_folders_a_set(own):
    card = write_card(own, "Leaves")
    assert card["splits"] == {"train": 36} and card["classes"] == ["ash", "elm", "oak"]
    data = load_dataset("leaves", own.parent, size=24)
    assert data.train.images.shape == (24, 3, 24, 24) and (len(data.val), len(data.test)) == (6, 6)
    assert data.card["title"] == "Leaves" and data.card["own_split"]
    assert torch.bincount(data.train.labels).tolist() == [8, 8, 8]
    assert load_dataset("leaves", own.parent).train.images.shape[2:] == (128, 128)
    assert len(data.full_train) == 30 and data.full_train.images.shape == (30, 3, 24, 24)


def test_a_new_card_takes_the_parts_that_are_there(tmp_path):
    for i, part in enumerate(("train", "val", "test")):
        write_classes(tmp_path / "leaves" / part, ["ash", "elm"], 4 + i, first_seed=100 * i)
    write_card(tmp_path / "leaves")
    data = load_dataset("leaves", tmp_path, size=16)
    assert (len(data.train), len(data.val), len(data.test)) == (8, 10, 12)
    assert load_card("leaves", tmp_path)["splits"].startswith(
        "the folder's own parts (8 train, 10 validation, 12 test)"
    )


def test_a_card_is_not_overwritten_and_not_written_for_what_is_no_set(own, tmp_path):
    write_card(own)
    with pytest.raises(FileExistsError, match=r"card.json exists; move it away"):
        write_card(own)
    (tmp_path / "flat").mkdir()
    write_photo(tmp_path / "flat" / "x.png")
    with pytest.raises(ValueError, match="holds no class folders"):
        write_card(tmp_path / "flat")
    for name, says in (("test", "has the parts test and no train"), ("valid", "has valid: name parts train, val and")):
        write_classes(tmp_path / name / name, ["a"], 1)
        with pytest.raises(ValueError, match=says):
            write_card(tmp_path / name)
    assert not list(tmp_path.glob("*/.card*"))


def test_a_card_that_cannot_be_written_is_said_before_photographs_are_hashed(own, monkeypatch):
    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(own_sets, "check_writable", full)
    monkeypatch.setattr(own_sets, "hash_files", lambda files: pytest.fail("hashed first"))
    with pytest.raises(OSError, match=r"card\.json cannot be written \(No space"):
        write_card(own)


def test_photographs_that_go_are_missed(own):
    write_card(own)
    (own / "ash" / "image_0001.png").unlink()
    with pytest.raises(ValueError, match=r"holds 35 examples, its card says 36"):
        load_dataset("leaves", own.parent)


@pytest.mark.parametrize(("parts", "least"), [((), 5), (("train", "test"), 4), (("train", "val"), 3)])
def test_a_class_too_small_to_cut_is_named_before_a_card_is_written(parts, least, tmp_path, capsys):
    """So many pictures of a class are the fewest of which each part that is missing gets one."""
    folder = tmp_path / "leaves"
    for part in parts or (".",):
        write_classes(folder / part, ["ash", "elm"], 5)
    write_classes(folder / (parts[0] if parts else "."), ["oak"], 1)
    for part in parts[1:]:
        write_classes(folder / part, ["oak"], 1)
    before = sorted(folder.rglob("*"))
    assert main(["data", "new", str(folder)]) == 2
    said = capsys.readouterr().err
    assert "oak (1)" in said and f"{least} pictures" in said and "ash" not in said and "add pictures" in said
    assert sorted(folder.rglob("*")) == before
    write_classes(folder / (parts[0] if parts else "."), ["oak"], least - 1)
    with pytest.raises(ValueError, match=rf"oak \({least - 1}\)"):
        write_card(folder)
    write_classes(folder / (parts[0] if parts else "."), ["oak"], least)
    write_card(folder)
    data = load_dataset("leaves", tmp_path, size=16)
    assert all(2 in split.labels.tolist() for split in (data.train, data.val, data.test))


def test_one_picture_a_class_is_enough_where_all_parts_are_there(tmp_path):
    for part in ("train", "val", "test"):
        write_classes(tmp_path / "leaves" / part, ["ash", "elm"], 1)
    write_card(tmp_path / "leaves")
    assert len(load_dataset("leaves", tmp_path, size=16).train) == 2


def test_parts_with_other_classes_are_refused_before_a_card_is_written(tmp_path):
    write_classes(tmp_path / "leaves" / "train", ["ash", "elm"], 6)
    write_classes(tmp_path / "leaves" / "test", ["ash", "oak"], 2)
    with pytest.raises(ValueError, match=r"leaves.*test.*elm, oak"):
        write_card(tmp_path / "leaves")
    assert not (tmp_path / "leaves" / "card.json").exists()


def test_a_card_of_images_too_few_to_cut_is_refused_with_the_number_that_is_needed(own):
    """Written by hand, or for parts that were taken away since."""
    write_card(own)
    for path in own.glob("*/image_*"):
        if not path.stem.endswith("0000"):
            path.unlink()
    change_card(own, splits={"train": 3})
    with pytest.raises(ValueError, match=r"leaves would have .* 0 test images; add images: at least five a class"):
        load_dataset("leaves", own.parent)


def test_the_name_of_an_official_set_is_refused_when_a_card_is_written(tmp_path):
    folder = write_classes(tmp_path / "cifar10", ["cat", "dog"], 6)
    with pytest.raises(ValueError, match="cifar10 is the name of an official set; rename"):
        write_card(folder)
    assert not (folder / "card.json").exists()


def test_packed_class_folders_stand_in_for_a_missing_official_set(tmp_path):
    write_card(write_classes(tmp_path / "pets", ["cat", "dog"], 6))
    (tmp_path / "pets").rename(tmp_path / "cifar10")
    assert load_dataset("cifar10", tmp_path, size=16).train.images.shape[1:] == (3, 16, 16)
    (tmp_path / "cifar-10-batches-py").mkdir()  # an empty folder is no official set
    assert load_dataset("cifar10", tmp_path, size=16).source == "packed"


def test_the_publishers_files_win_over_a_folder_of_the_same_name(arrays, monkeypatch):
    """A packed `digits` does not hide the embedded one; a packed `kmnist` stands in for the missing official files."""
    root = arrays.parent
    for name in ("digits", "kmnist"):
        shutil.copytree(arrays, root / name)
    assert load_dataset("digits", root).source == "embedded"
    packed = load_dataset("kmnist", root)
    assert packed.source == "packed" and packed.card["title"] == "Glyphs"


def test_pictures_in_subfolders_and_of_every_ending_are_taken(tmp_path, capsys):
    folder = write_classes(tmp_path / "leaves", ["ash", "elm"], 5)
    for name in ("deeper/down/a.png", "b.JPG", "c.jpe", "d.jfif", ".hidden/e.png"):
        write_photo(tmp_path / "made.png").replace(tmp_path / "made")
        (folder / "ash" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "made").replace(folder / "ash" / name)
    (folder / "elm" / "notes.txt").write_text("two are from one tree")
    main(["data", "new", str(folder)])
    assert "left out: 1 no pictures by their names: rename those that are (.txt)" in capsys.readouterr().out
    assert load_card("leaves", tmp_path)["sizes"] == {"train": 14}


def test_whatever_is_left_out_is_counted_with_the_reason(tmp_path, capsys):
    """Beside the classes, beside the parts, of a kind that is not read, or named as nothing."""
    folder, parts = write_classes(tmp_path / "loose", ["ash", "elm"], 5), tmp_path / "parts"
    write_photo(folder / "stray.jpg")
    for name in (
        "ash/IMG_1.HEIC",
        "ash/IMG_2.heic",
        "elm/no_ending",
        "elm/a.download",
        "elm/Thumbs.db",
        "__MACOSX/ash/b.jpg",
    ):
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_bytes(b"content")
    assert main(["data", "new", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "images: {'train': 10}" in said and "1 outside of the class folders (.jpg)" in said
    assert "2 not read here: convert to JPEG or PNG (.heic)" in said
    assert "2 no pictures by their names: rename those that are (.download, no_ending)" in said
    for part in ("train", "val"):
        write_classes(parts / part, ["ash", "elm"], 5)
    write_classes(parts / "oak", ["deep"], 12)
    assert main(["data", "new", str(parts)]) == 0
    assert "left out: 12 outside of the class folders (.png)\n" in capsys.readouterr().out


@pytest.mark.parametrize("suffix", [".avif", ".jp2", ".tga"])
def test_newer_kinds_of_pictures_are_taken(tmp_path, suffix):
    folder = write_classes(tmp_path / "leaves", ["ash", "elm"], 5, suffix)
    assert write_card(folder)["splits"] == {"train": 10}
    assert load_dataset("leaves", tmp_path, size=16).train.images[:].float().std() > 10


def test_a_class_of_pictures_that_are_not_read_is_told_what_to_do(tmp_path):
    folder = write_classes(tmp_path / "leaves", ["ash"], 5)
    (folder / "elm").mkdir()
    (folder / "elm" / "IMG_1.heic").write_bytes(b"content")
    with pytest.raises(ValueError, match=r"elm holds no images \(1 not read here: convert to JPEG or PNG \(\.heic\)\)"):
        write_card(folder)


def test_broken_pictures_are_named_together_before_a_card_is_written(own):
    for name in ("ash", "oak"):
        (own / name / "image_0001.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"(?s)ash.image_0001.*oak.image_0001"):
        write_card(own)
    assert not (own / "card.json").exists()


def test_names_of_classes_are_of_one_unicode_form(tmp_path):
    composed, apart = "for\u00eat", "fore\u0302t"
    write_classes(tmp_path / "woods" / "train", [apart, "mer"], 6)
    write_classes(tmp_path / "woods" / "test", [composed, "mer"], 2)
    assert write_card(tmp_path / "woods")["classes"] == [composed, "mer"]
    assert len(load_dataset("woods", tmp_path, size=16).test) == 4
    write_classes(tmp_path / "twice", [composed, apart], 6)
    with pytest.raises(ValueError, match=composed):
        write_card(tmp_path / "twice")


def test_what_is_no_set_of_classes_is_refused_with_what_to_do(tmp_path):
    write_classes(tmp_path / "table", ["images"], 6)
    (tmp_path / "table" / "labels.csv").write_text("image,label\n")
    with pytest.raises(ValueError, match=r"one class, images; .*labels\.csv.* into a folder of its name"):
        write_card(tmp_path / "table")
    with pytest.raises(ValueError, match=r"cats_dogs"):
        write_card(write_classes(tmp_path / "cats+dogs", ["cats", "dogs"], 6))


def test_grey_pictures_are_counted_and_said(tmp_path, capsys):
    folder = write_classes(tmp_path / "leaves", ["ash", "elm"], 5)
    assert main(["data", "new", str(folder)]) == 0
    assert "are grey" not in capsys.readouterr().out and "grey_pictures" not in load_card("leaves", tmp_path)
    (folder / "card.json").unlink()
    for i in range(3):
        write_photo(folder / "elm" / f"grey_{i}.png", i, mode="L")
    assert main(["data", "new", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "3 of 13 pictures are grey" in said and "three equal channels" in said
    assert load_card("leaves", tmp_path)["grey_pictures"] == 3
    grey = load_dataset("leaves", tmp_path, size=16).full_train.images[:].float().std(1).amax((1, 2)) == 0
    assert 1 <= grey.sum() <= 3
