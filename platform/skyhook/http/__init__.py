"""Addresses that are plain HTTP rather than GraphQL: artifacts, up and down."""
