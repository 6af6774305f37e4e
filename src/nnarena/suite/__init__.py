"""Suites: what is to be run, in which order, by whom; the only readers of the clock."""
