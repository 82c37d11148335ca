"""Features of frozen bodies, computed once and kept."""
