"""The plugin host: finds plugins, checks their manifests, and keeps a broken one from harming the rest."""
