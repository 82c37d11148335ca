"""The study: its tiers as cells, the sweep that makes them, and what their records say."""
