"""Values and contracts: what every other part of Sluiceway speaks. Nothing here does I/O."""
