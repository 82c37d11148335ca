"""Classifier heads: the layers between a network's features and its logits. Importing this room registers every head."""

from . import controls, dense, published, spinal  # noqa: F401
