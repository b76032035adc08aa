"""Artifacts: files that callers upload and operations make, kept once by their content."""
