"""Models: a body and a head. Importing this room registers every body."""

from . import cifar_bodies, foreign, lite0, mnist_bodies  # noqa: F401
