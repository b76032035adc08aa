"""The web console: pages on the services of the core, as GraphQL is fields on them."""
