"""Statistics of records: tables, intervals, ranks; imports neither jax nor torch."""
