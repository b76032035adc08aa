"""What the plugin counts."""

IMAGES = "imagine.images"
UPSCALES = "imagine.upscales"
VIDEO_SECONDS = "imagine.video_seconds"
