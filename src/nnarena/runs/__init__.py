"""Records of runs and the stores that keep them; imports neither jax nor torch."""
