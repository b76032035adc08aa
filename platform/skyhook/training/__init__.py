"""Training of the plugins' models: a run that can be gone on with, a gate, and publication past it."""
