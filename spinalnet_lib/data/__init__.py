"""Data sets: files to tensors, cards, augmentation."""
