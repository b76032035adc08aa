"""Training of `skyhook-scenes` and `skyhook-scenes-video`."""
