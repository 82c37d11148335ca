"""What the tests of this room share."""

from spinalnet_lib import TrainConfig, create_model


def model():
    return create_model(
        "pixels", "spinal", 10, image_size=8, layer_width=8, drop_rate=0.3, norm_layer="BatchNorm1d", num_layers=3
    )


LONG = TrainConfig(optimizer="adam", learning_rate=0.003, steps=400, batch_size=100)
