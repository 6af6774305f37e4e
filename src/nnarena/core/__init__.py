"""Types, registry and seeds: what every other layer stands on."""
