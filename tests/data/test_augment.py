import dataclasses

import pytest
import torch
from torchvision.transforms import InterpolationMode, RandomPerspective, RandomResizedCrop
from torchvision.transforms import functional as TF

from spinalnet_lib.data import augment
from spinalnet_lib.data.augment import Augmentation, Warps

BILINEAR, NEAREST = InterpolationMode.BILINEAR, InterpolationMode.NEAREST
SIZES = [(28, 28, 1), (24, 40, 3)]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=SIZES, ids=str)
def images(request):
    height, width, channels = request.param
    return torch.rand(48, channels, height, width, generator=generator())


def each(fn, *batches):
    return torch.stack([fn(*items) for items in zip(*batches, strict=True)])


def perspective(image, corners):
    height, width = image.shape[1:]
    start = [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]
    return TF.perspective(image, start, corners.int().tolist(), BILINEAR)


def resized_crop(image, box):
    return TF.resized_crop(image, *box.int().tolist(), list(image.shape[1:]), BILINEAR, antialias=True)


def drawn(images, **recipe):
    return Augmentation(**recipe).draw(len(images), *images.shape[2:], generator())


@pytest.mark.parametrize(
    ("recipe", "drawn_as", "theirs"),
    [
        ({"perspective": 0.5}, "corners", perspective),
        ({"degrees": 40}, "degrees", lambda image, angle: TF.rotate(image, angle.item(), BILINEAR)),
        ({"crop_scale": (0.95, 1.0)}, "boxes", resized_crop),
        ({"crop_scale": (0.1, 0.6)}, "boxes", resized_crop),
    ],
)
def test_a_warp_equals_torchvisions(images, recipe, drawn_as, theirs):
    warps = drawn(images, **recipe)
    expected = each(theirs, images, getattr(warps, drawn_as))
    torch.testing.assert_close(Augmentation(**recipe).apply(images, warps), expected, atol=1e-4, rtol=0)
    assert (expected != images).flatten(1).any(1).sum() > 10


def test_padded_crop_and_flip_equal_torchvisions_exactly(images):
    warps = drawn(images, padding=4, flip=True)
    height, width = images.shape[2:]

    def theirs(image, shift, flip):
        moved = TF.crop(TF.pad(image, 4), 4 - int(shift[0]), 4 - int(shift[1]), height, width)
        return TF.hflip(moved) if flip else moved

    ours = Augmentation(padding=4, flip=True).apply(images, warps)
    assert torch.equal(ours, each(theirs, images, warps.shifts, warps.flips))
    assert set(warps.shifts.flatten().tolist()) == {*range(-4, 5)}


def test_separate_passes_are_the_papers_pipeline(images):
    """Perspective bilinear, then rotation by nearest neighbour; for Fashion-MNIST rotation, then resized crop."""
    for recipe in (
        Augmentation(perspective=0.5, degrees=10, separate_passes=True),
        Augmentation(degrees=10, crop_scale=(0.95, 1), separate_passes=True),
    ):
        warps = recipe.draw(len(images), *images.shape[2:], generator())
        theirs = images if warps.corners is None else each(perspective, images, warps.corners)
        theirs = each(lambda image, angle: TF.rotate(image, angle.item(), NEAREST), theirs, warps.degrees)
        theirs = theirs if warps.boxes is None else each(resized_crop, theirs, warps.boxes)
        torch.testing.assert_close(recipe.apply(images, warps), theirs, atol=1e-4, rtol=0)


def smooth(images):
    return torch.nn.functional.avg_pool2d(images, 9, 1, 4)


def test_one_pass_is_the_composition_of_the_warps(images):
    """On smooth images resampling loses next to nothing, so two passes and one agree away from the border."""
    recipe = Augmentation(perspective=0.3, perspective_rate=1, degrees=10, crop_scale=(0.8, 1))
    warps = recipe.draw(len(images), *images.shape[2:], generator())
    blurred = smooth(smooth(images))
    step = Augmentation(perspective=0.3).apply(blurred, Warps(corners=warps.corners))
    step = Augmentation(degrees=10).apply(step, Warps(degrees=warps.degrees))
    step = Augmentation(crop_scale=(0.8, 1)).apply(step, Warps(boxes=warps.boxes))
    difference = (recipe.apply(blurred, warps) - step).abs()
    assert difference.median() < 0.002 and difference.quantile(0.9) < 0.03


def test_corners_are_drawn_as_torchvision_draws_them():
    height, width, n = 28, 20, 2000
    corners = augment.draw_corners(n, height, width, 0.5, 1.0, generator())
    torch.manual_seed(0)
    theirs = torch.tensor([RandomPerspective.get_params(width, height, 0.5)[1] for _ in range(n)])
    for low_or_high in (torch.amin, torch.amax):
        assert torch.equal(low_or_high(corners, 0).long(), low_or_high(theirs, 0))
    assert (corners.mean(0) - theirs.float().mean(0)).abs().max() < 0.2
    assert torch.equal(corners, corners.round())


def test_a_share_of_the_images_keeps_its_corners():
    corners = augment.draw_corners(4000, 28, 28, 0.5, 0.5, generator())
    stays = (corners == torch.tensor([[0, 0], [27, 0], [27, 27], [0, 27]])).all(2).all(1).double().mean()
    assert 0.47 < stays < 0.53


@pytest.mark.parametrize(("height", "width", "scale"), [(28, 28, (0.2, 0.9)), (20, 60, (0.9, 1))])
def test_boxes_are_drawn_as_torchvision_draws_them(height, width, scale):
    n = 2000
    boxes = augment.draw_boxes(n, height, width, scale, generator())
    blank = torch.zeros(1, height, width)
    torch.manual_seed(0)
    theirs = torch.tensor([RandomResizedCrop.get_params(blank, scale, (3 / 4, 4 / 3)) for _ in range(n)])
    assert (boxes.mean(0) - theirs.float().mean(0)).abs().max() < 0.4
    assert (boxes.std(0) - theirs.float().std(0)).abs().max() < 0.4
    assert (
        boxes.min() >= 0 and (boxes[:, 0] + boxes[:, 2]).max() <= height and (boxes[:, 1] + boxes[:, 3]).max() <= width
    )


def test_bytes_and_floats_give_the_same(images):
    raw = (images * 255).round().byte()
    recipe = Augmentation(perspective=0.5, degrees=10, flip=True)
    torch.testing.assert_close(recipe(raw, generator()), recipe(raw.float() / 255, generator()))
    assert recipe(raw, generator()).dtype == torch.float32
    assert recipe(images.double(), generator()).dtype == torch.float64


def test_draws_come_from_the_generator_alone(images):
    recipe = Augmentation(perspective=0.5, degrees=10, crop_scale=(0.9, 1), padding=2, flip=True)
    before = torch.random.get_rng_state()
    first, again, other = recipe(images, generator()), recipe(images, generator()), recipe(images, generator(1))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), before)
    unused = generator()
    assert torch.equal(Augmentation()(images, unused), images)
    assert torch.equal(unused.get_state(), generator().get_state())


def test_large_batches_are_warped_in_parts_and_come_out_the_same(images, monkeypatch):
    recipe = Augmentation(perspective=0.5, degrees=10, crop_scale=(0.9, 1), padding=2, flip=True)
    whole = recipe(images, generator())
    monkeypatch.setattr(augment, "_CACHED_PIXELS", 7 * images[0, 0].numel())
    assert torch.equal(recipe(images, generator()), whole)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_loses_digits_of_values_not_of_places(dtype, side=224):
    images = smooth(torch.rand(8, 1, side, side, generator=generator()))
    recipe = Augmentation(perspective=0.5, perspective_rate=1, degrees=10, crop_scale=(0.9, 1))
    for separate in (False, True):
        way = dataclasses.replace(recipe, separate_passes=separate)
        warps = way.draw(8, side, side, generator())
        half = way.apply(images.to(dtype), warps)
        assert half.dtype == dtype and half.isfinite().all()
        difference = (half.float() - way.apply(images.to(dtype).float(), warps)).abs()
        assert difference.max() < 0.02 if not separate else difference.median() < 0.01


def test_corners_in_a_line_leave_an_image_as_it_is():
    image = torch.rand(1, 1, 8, 8)
    corners = torch.tensor([[[0.0, 0.0], [4.0, 4.0], [7.0, 7.0], [0.0, 7.0]]])
    assert torch.allclose(Augmentation(perspective=0.5).apply(image, Warps(corners=corners)), image)
    many = Augmentation(perspective=0.9, perspective_rate=1)(torch.rand(5000, 1, 8, 8), generator())
    assert many.isfinite().all()


def test_rotations_go_both_ways_and_half_of_the_images_are_flipped():
    warps = Augmentation(degrees=10, flip=True).draw(20_000, 28, 28, generator())
    assert warps.degrees.min() < -9.9 and warps.degrees.max() > 9.9 and warps.degrees.mean().abs() < 0.2
    assert warps.flips.double().mean().item() == pytest.approx(0.5, abs=0.02)


def test_an_empty_batch_stays_empty():
    recipe = Augmentation(perspective=0.5, degrees=10, crop_scale=(0.9, 1), padding=2, flip=True)
    assert recipe(torch.zeros(0, 1, 28, 28), generator()).shape == (0, 1, 28, 28)
    assert recipe(torch.rand(1, 1, 28, 28), generator()).shape == (1, 1, 28, 28)


def test_what_comes_into_view_is_black():
    white = torch.ones(32, 1, 28, 28)
    assert (Augmentation(degrees=45)(white, generator()).amin((1, 2, 3)) == 0).any()
    assert Augmentation(crop_scale=(0.5, 0.9))(white, generator()).min() > 0.999  # a crop brings nothing into view


WRONG = [
    (dict(perspective=1.0), ValueError, "perspective must be at least 0 and below 1, got 1.0; the paper's is 0.5"),
    (dict(perspective_rate=1.5), ValueError, "perspective_rate must be from 0 to 1, got 1.5"),
    (dict(degrees=-5), ValueError, "degrees must be at least 0, got -5"),
    (dict(crop_scale=0.9), TypeError, r"crop_scale is two shares of the area, got 0.9; try \(0.95, 1\)"),
    (dict(crop_scale=(1, 0.9)), ValueError, r"crop_scale must rise within 0 to 1, got \(1, 0.9\)"),
    (dict(padding=-1), ValueError, "padding must be at least 0, got -1"),
    (dict(flip=1), TypeError, "flip must be True or False, got 1"),
    (dict(separate_passes=None), TypeError, "separate_passes must be True or False"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), WRONG)
def test_a_wrong_recipe_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        Augmentation(**arguments)


@pytest.mark.parametrize(
    ("images", "rng", "error", "message"),
    [
        ([[0.0]], generator(), TypeError, "got list; use torch.as_tensor"),
        (
            torch.zeros(1, 28, 28),
            generator(),
            ValueError,
            r"shape \(1, 28, 28\); add what is missing with images\[None\]",
        ),
        (torch.zeros(1, 1, 1, 28), generator(), ValueError, "2×2 pixels or more"),
        (torch.zeros(1, 1, 28, 28).long(), generator(), TypeError, r"got torch.int64; convert with images.float\(\)"),
        (torch.rand(2, 1, 8, 8), None, TypeError, "a torch.Generator on the images' device, got None"),
        (torch.rand(2, 1, 8, 8, device="meta"), generator(), ValueError, "images are on meta, the generator on cpu"),
    ],
)
def test_wrong_images_and_generators_are_refused(images, rng, error, message):
    with pytest.raises(error, match=message):
        Augmentation(flip=True)(images, rng)
