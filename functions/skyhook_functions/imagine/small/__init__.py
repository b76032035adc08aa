"""The models `skyhook-scenes` and `skyhook-scenes-video`: plain scenes of coloured shapes, on any CPU."""
