"""Imagine functions: pictures and video from the bundled small models and from any known diffusers pipeline."""
