"""What `sluiceway new` writes: a pipeline proposed from samples, a plugin package."""
