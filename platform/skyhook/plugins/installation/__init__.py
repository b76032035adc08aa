"""Installs plugins beside the server's own packages, in generations that are switched as a whole."""
