"""The functions that expressions may call beyond JMESPath's own, one module a theme."""
