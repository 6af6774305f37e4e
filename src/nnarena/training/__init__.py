"""Trainers: pure functions from keys to trained models; no clock, no files."""
