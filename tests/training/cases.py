"""What the tests of this room share."""

from spinalnet_lib import TrainConfig, create_model, train


def model():
    return create_model(
        "pixels", "spinal", 10, image_size=8, layer_width=8, drop_rate=0.3, norm_layer="BatchNorm1d", num_layers=3
    )


def small(head="spinal", **kwargs):
    kwargs = {"spinal": {"layer_width": 16}, "mlp": {"hidden_sizes": 64}}[head] | kwargs
    return create_model("pixels", head, 10, image_size=8, **kwargs)


def quick_train(model, data, config=None, seed=0):
    return train(model, data, config or QUICK, seed, device="cpu", progress=False)


QUICK = TrainConfig(optimizer="adam", learning_rate=0.003, epochs=2, evals_per_epoch=2)
LONG = TrainConfig(optimizer="adam", learning_rate=0.003, steps=400, batch_size=100)
