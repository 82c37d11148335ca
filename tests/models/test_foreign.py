"""Models of torchvision and timm as bodies: small, with random weights; the network's weights come from a file beside."""

import hashlib
import io
import logging
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

from spinalnet_lib import TrainConfig, count_parameters, create_backbone, create_model, load_model, save_model, train
from spinalnet_lib.data.own_sets import write_card
from spinalnet_lib.data.splits import DataSet, Split
from spinalnet_lib.machine import OutOfTime
from spinalnet_lib.models import foreign
from spinalnet_lib.models.weights import weights_sha256
from spinalnet_lib.training.runs import initialise
from tests.data.cases import write_classes

NAMES = ("torchvision:resnet18", "torchvision:mobilenet_v3_small", "torchvision:squeezenet1_1", "timm:resnet10t")
OTHERS = [  # the smallest of each further family of torchvision, and a ViT whose published size is not the usual one
    *(
        "alexnet",
        "convnext_tiny",
        "densenet121",
        "efficientnet_b0",
        "googlenet",
        "inception_v3",
        "maxvit_t",
        "mnasnet0_5",
    ),
    *("mobilenet_v2", "regnet_y_400mf", "shufflenet_v2_x0_5", "swin_v2_t", "vgg11", "vit_h_14"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_body_gives_the_features_that_the_classifier_reads(name):
    body = create_backbone(name, image_size=64).eval()
    x = torch.randn(2, 3, 64, 64)
    assert body(x).shape == (2, body.num_features) and len(body.mean) == len(body.std) == 3
    assert create_backbone(name).image_size in (176, 224, 256)


def test_resnets_features_are_torchvisions():
    from torchvision import models

    theirs, body = models.resnet18().eval(), create_backbone("torchvision:resnet18", image_size=64).eval()
    body.network.load_state_dict({k: v for k, v in theirs.state_dict().items() if not k.startswith("fc.")})
    theirs.fc = torch.nn.Identity()
    x = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(body(x), theirs(x))
    grey = create_backbone("torchvision:resnet18", 1, 64).eval()
    grey.load_state_dict(body.state_dict())
    torch.testing.assert_close(grey(x[:, :1]), body(x[:, :1].expand(-1, 3, -1, -1)))


def test_a_seed_draws_the_same_weights_those_without_a_layer_included():
    first, second, other = (create_model("torchvision:vit_b_32", "linear", 3) for _ in range(3))
    for model, seed in ((first, 0), (second, 0), (other, 1)):
        initialise(model, seed)
    assert weights_sha256(first) == weights_sha256(second) != weights_sha256(other)
    assert not torch.equal(first.body.network.encoder.pos_embedding, other.body.network.encoder.pos_embedding)


@pytest.fixture
def photographs():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (16, 3, 32, 32), generator=generator, dtype=torch.uint8)
    split = Split(images, torch.arange(16) % 2)
    return DataSet(split, split, split, {"name": "noise", "num_classes": 2})


@pytest.fixture
def published(monkeypatch):
    """A publisher's weights that are at hand."""
    own = foreign._LIBRARIES["torchvision"]

    def load(name, model, pretrained):
        with torch.random.fork_rng(devices=[]):
            if pretrained:
                torch.manual_seed(99)
            return own(name, model, False)

    monkeypatch.setitem(foreign._LIBRARIES, "torchvision", load)
    monkeypatch.setattr(foreign, "_HASHES", {})
    return load("torchvision:resnet18", "resnet18", True).network


def test_it_is_trained_on_from_its_publishers_weights_saved_and_loaded(photographs, published, tmp_path):
    model = create_model("torchvision:resnet18", "spinal", 2, image_size=32, pretrained=True, layer_width=4)
    assert weights_sha256(model.body.network) == weights_sha256(published) == model.weights_from("body")
    config = TrainConfig(steps=2, batch_size=8, evaluations=1, learning_rate=1e-9, start="given", trainable="head")
    record = train(model, photographs, config, 0, "cpu", progress=False)
    assert record.model["weights"] == {"body": weights_sha256(published)} and record.model["pretrained"] is True
    assert weights_sha256(model.body.network) == weights_sha256(published)  # its norms stood still, too
    save_model(model, tmp_path / "model.npz", photographs)
    again = load_model(tmp_path / "model.npz")
    x = torch.randn(2, 3, 32, 32)
    assert torch.equal(again(x), model.eval()(x)) and again.trained_on["mean"] == pytest.approx(list(model.body.mean))
    with pytest.raises(ValueError, match="start='given'"):
        train(model, photographs, TrainConfig(steps=1), 0, "cpu", progress=False)


def test_a_network_whose_state_has_versions_is_saved_loaded_and_gone_on_with(photographs, tmp_path):
    """torchvision's MNASNet refuses a state that does not say of which version it is."""

    def built():
        return create_model("torchvision:mnasnet0_5", "spinal", 2, image_size=32, layer_width=4)

    config, model = TrainConfig(steps=3, batch_size=8, evaluations=3), built()
    whole = train(model, photographs, config, 0, "cpu", progress=False)
    save_model(model, tmp_path / "model.npz", photographs)
    x = torch.randn(2, 3, 32, 32)
    assert torch.equal(load_model(tmp_path / "model.npz")(x), model.eval()(x))
    place = {"checkpoint": tmp_path / "run.npz", "checkpoint_seconds": 0, "progress": False}
    with pytest.raises(OutOfTime):
        train(built(), photographs, config, 0, "cpu", time_limit=0, **place)
    assert train(built(), photographs, config, 0, "cpu", **place).curve == whole.curve
    assert not [*tmp_path.glob("*.damaged")]


def test_weights_that_were_loaded_into_the_network_itself_are_not_thrown_away(photographs):
    """Where a checkpoint of the library fits by its own names."""
    model = create_model("torchvision:resnet18", "linear", 2, image_size=32)
    model.body.network.load_state_dict(create_backbone("torchvision:resnet18", image_size=32).network.state_dict())
    with pytest.raises(ValueError, match=r"body.*start='given'"):
        train(model, photographs, TrainConfig(steps=1), 0, "cpu", progress=False)


def test_a_saved_model_needs_no_weights_of_its_publisher(photographs, published, tmp_path, monkeypatch):
    model = create_model("torchvision:resnet18", "linear", 2, image_size=32, pretrained=True)
    save_model(model, tmp_path / "model.npz", photographs)
    own = foreign._LIBRARIES["torchvision"]

    def offline(name, model, pretrained):
        if pretrained:
            raise OSError("no network")
        return own(name, model, False)

    monkeypatch.setitem(foreign._LIBRARIES, "torchvision", offline)
    monkeypatch.setattr(foreign, "_HASHES", {})
    again, state = load_model(tmp_path / "model.npz"), torch.get_rng_state()
    assert weights_sha256(again) == weights_sha256(model) and again.arguments == model.arguments
    save_model(again, tmp_path / "again.npz")
    load_model(tmp_path / "again.npz")
    assert torch.equal(torch.get_rng_state(), state)


@pytest.fixture
def publisher(monkeypatch, tmp_path):
    """A server that has squeezenet's file as torchvision's has it; `manner` is how it answers."""
    from torchvision import models
    from torchvision.models._api import WeightsEnum

    network = models.squeezenet1_1()
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    content = file.getvalue()

    class Publisher(BaseHTTPRequestHandler):
        def do_GET(self):
            server = self.server
            server.asked += 1
            self.send_response(404 if server.manner == "gone" else 200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if server.manner == "cut off":
                self.wfile.write(content[: len(content) // 2])
                self.wfile.flush()
                self.connection.close()
            elif server.manner != "gone":
                self.wfile.write(content)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Publisher)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    server.asked, server.manner, server.hash = 0, "whole", hashlib.sha256(content).hexdigest()[:8]
    server.network, server.folder = network, tmp_path / "hub" / "checkpoints"
    address = f"http://127.0.0.1:{server.server_port}/squeezenet1_1-"
    monkeypatch.setattr(WeightsEnum, "url", property(lambda self: f"{address}{server.hash}.pth"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(foreign, "_HASHES", {})
    yield server
    server.shutdown()
    server.server_close()


def test_weights_are_downloaded_once_and_only_when_asked(publisher):
    create_model("torchvision:squeezenet1_1", "linear", 2)
    assert publisher.asked == 0 and not publisher.folder.exists()
    for _ in range(2):
        model = create_model("torchvision:squeezenet1_1", "linear", 2, image_size=64, pretrained=True)
        theirs = publisher.network.state_dict()
        assert all(torch.equal(tensor, theirs[name]) for name, tensor in model.body.network.state_dict().items())
        assert model.weights_from("body") == weights_sha256(model.body.network)
    assert publisher.asked == 1
    assert [path.name for path in publisher.folder.iterdir()] == [f"squeezenet1_1-{publisher.hash}.pth"]


@pytest.mark.parametrize("manner", ["gone", "cut off", "wrong hash", "no network"])
def test_weights_that_cannot_be_had_are_said_and_nothing_is_kept(publisher, manner):
    publisher.manner = manner
    if manner == "wrong hash":
        publisher.hash = "0" * 8
    if manner == "no network":
        publisher.shutdown()
        publisher.server_close()
    says = r"weights of torchvision:squeezenet1_1 cannot be had .*pretrained=False.*--start seed.*efficientnet_lite0"
    with pytest.raises(OSError, match=says):
        create_model("torchvision:squeezenet1_1", "linear", 2, pretrained=True)
    assert not [*publisher.folder.glob("*")]


def test_the_hubs_retries_are_not_told(caplog):
    hub = logging.getLogger("huggingface_hub.utils._http")

    def build():
        hub.warning("Retrying in 1s [Retry 1/5].")
        raise OSError("no network")

    with pytest.raises(OSError, match="no network"):
        foreign._downloaded("timm:resnet10t", True, "its cache", build)
    assert not caplog.records
    hub.warning("of somebody else")
    assert caplog.records


@pytest.mark.processes
@pytest.mark.parametrize("name", ["timm:resnet10t", "torchvision:resnet18"])
def test_without_weights_and_network_a_command_says_so_once_and_writes_nothing(name, tmp_path):
    """A process of its own, with empty caches and a proxy that nobody answers: the library's own way to its weights."""
    write_card(write_classes(tmp_path / "leaves", ["ash", "elm"], 5))
    proxies = {key: "http://127.0.0.1:9" for key in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")}
    empty = {"HF_HOME": str(tmp_path / "hf"), "TORCH_HOME": str(tmp_path / "torch"), "HF_HUB_OFFLINE": "1"}
    command = ["train", "--data", "leaves", "--backbone", name, "--head", "linear", "--pretrained", "--size", "32"]
    command += ["--steps", "1", "--batch-size", "4", "--out", "runs.jsonl", "--save", "model.npz"]
    run = subprocess.run(
        [sys.executable, "-m", "spinalnet_lib", *command],
        cwd=tmp_path,
        env=os.environ | proxies | empty | {"SPINALNET_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    said = [line for line in run.stderr.splitlines() if line.startswith("spinalnet train: ")]
    assert run.returncode == 2 and "Traceback" not in run.stderr and len(said) == 1, run.stderr
    assert f"weights of {name} cannot be had" in said[0] and "efficientnet_lite0" in said[0]
    assert not (tmp_path / "runs.jsonl").exists() and not (tmp_path / "model.npz").exists()


def test_a_damaged_file_of_weights_is_named(publisher):
    publisher.folder.mkdir(parents=True)
    (publisher.folder / f"squeezenet1_1-{publisher.hash}.pth").write_bytes(b"half of it")
    with pytest.raises(OSError, match=f"squeezenet1_1 cannot be had.*delete.*{publisher.folder.parent}"):
        create_model("torchvision:squeezenet1_1", "linear", 2, pretrained=True)


@pytest.mark.parametrize("name", [*NAMES, "torchvision:vit_b_32", "torchvision:swin_t", "timm:vit_tiny_patch16_224"])
def test_it_is_counted_without_memory(name):
    with torch.device("meta"):
        empty = create_model(name, "spinal", 3, layer_width=4)
    assert all(tensor.is_meta for tensor in empty.state_dict().values())
    assert count_parameters(empty) == count_parameters(create_model(name, "spinal", 3, layer_width=4))
    assert not any(tensor.is_meta for tensor in create_backbone(name).state_dict().values())


@pytest.mark.parametrize(
    "name",
    [
        "torchvision:googlenet",
        *(pytest.param(f"torchvision:{name}", marks=pytest.mark.full) for name in OTHERS if name != "googlenet"),
    ],
)
def test_each_family_gives_features_in_training_too(name):
    with torch.device("meta"):
        body = create_backbone(name)
        x = torch.zeros(2, 3, body.image_size, body.image_size)
    for training in (True, False):
        assert body.to("meta").train(training)(x).shape == (2, body.num_features)


def test_images_are_rescaled_as_the_published_weights_of_googlenet_want_them():
    """torchvision's own network does so if it loads these weights; ours whatever weights it has."""
    from torchvision import models

    theirs = models.googlenet(aux_logits=False, transform_input=True, init_weights=False).eval()
    body = create_backbone("torchvision:googlenet", image_size=64).eval()
    body.network.load_state_dict({k: v for k, v in theirs.state_dict().items() if not k.startswith("fc.")})
    theirs.fc = torch.nn.Identity()
    x = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(body(x), theirs(x))


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("torchvision:resnet", {}, "'resnet'; did you mean 'resnet.{0,80}; torchvision.models.list_models"),
        ("tensorflow:resnet18", {}, "tensorflow"),
        ("timm:nothing_like_it", {}, "nothing_like_it"),
        ("torchvision:resnet18", {"in_chans": 4}, "in_chans.* 4"),
        ("torchvision:vit_b_32", {"image_size": 64}, "64 × 64.* 224"),
    ],
)
def test_what_cannot_be_built_is_named(name, arguments, says):
    with pytest.raises(ValueError, match=says):
        create_backbone(name, **arguments)


def test_bodies_without_weights_of_their_own_say_so():
    with pytest.raises(ValueError, match="two_conv"):
        create_model("two_conv", "linear", 10, pretrained=True)
