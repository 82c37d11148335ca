"""Training: `train` in `loop`, and what stands around it."""
