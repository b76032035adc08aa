"""Imagine functions: pictures and video from the bundled small models and from known diffusers pipelines."""
