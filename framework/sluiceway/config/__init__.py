"""YAML to a typed specification: positions, variables, components, lint."""
