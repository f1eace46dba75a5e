"""What Sluiceway's languages mean, held against second implementations: `make conformance`."""
