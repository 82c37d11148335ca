import re
import subprocess
import sys
from dataclasses import asdict

import pytest

from spinalnet_lib import list_heads
from spinalnet_lib.show.palette import DARK, LIGHT, family
from spinalnet_lib.widgets.base import FOLDER


def test_the_style_sheet_has_the_colours_of_the_table():
    css = (FOLDER / "widgets.css").read_text()
    assert not re.findall(r"(?<!#)#0072b2", css.replace(f"--w-spinal: {LIGHT.spinal}", ""))
    blocks = re.findall(r"\{([^}]*--w-spinal: [^}]*)\}", css)
    for theme, block in zip((LIGHT, DARK), blocks, strict=True):
        said = dict(re.findall(r"--w-(\w+): (#[0-9a-f]{6});", block))
        assert said == {name: asdict(theme)[name] for name in said}
        assert said.keys() == {"spinal", "dense", "linear", "input", "chain", "output"}


def test_no_colour_stands_for_two_things():
    for theme in (LIGHT, DARK):
        assert len(set(asdict(theme).values())) == len(asdict(theme))


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_every_colour_can_be_read_on_its_page(theme):
    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    for name, colour in asdict(theme).items():
        low, high = sorted((luminance(colour), luminance(theme.back)))
        assert name == "back" or (high + 0.05) / (low + 0.05) >= 4.5, name


def test_every_head_has_its_hue():
    assert {family(head) for head in list_heads()} == {"spinal", "dense", "linear"}
    assert LIGHT.of_head("mlp, dropout 0.5") == LIGHT.dense and DARK.of_head("spinal_last") == DARK.spinal


@pytest.mark.processes
def test_the_table_needs_no_drawing_library():
    code = "import sys, spinalnet_lib.show.palette; assert not {'matplotlib', 'seaborn'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)
