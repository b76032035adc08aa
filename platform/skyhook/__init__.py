"""Skyhook: a plugin-based serverless AI API platform."""

__version__ = "0.1.0"
