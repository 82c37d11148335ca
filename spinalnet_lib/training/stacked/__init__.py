"""Many heads of one shape trained in one loop."""
