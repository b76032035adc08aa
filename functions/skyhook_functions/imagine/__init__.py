"""Image and video functions."""
