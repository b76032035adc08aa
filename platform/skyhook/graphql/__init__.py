"""GraphQL: the schema composed of the core and its plugins, and how it is served."""
