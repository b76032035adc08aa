"""The functions of the plugin `voice`: speech out, and speech in."""
