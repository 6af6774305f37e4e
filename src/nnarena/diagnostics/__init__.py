"""Diagnostics: why a trained model remembers, measured on the model itself."""
