"""Training of the bundled chat model `skyhook-small`."""
