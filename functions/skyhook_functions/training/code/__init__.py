"""Trains and scores `skyhook-code`, the model that completes Python."""
