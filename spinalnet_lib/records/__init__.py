"""Records: what one run was and gave, a JSON line each."""
