"""Figures and pages made of records; imports neither jax nor torch."""
