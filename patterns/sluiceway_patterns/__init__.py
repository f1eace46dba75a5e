"""The patterns that come with Sluiceway. They use the public facade alone, as any plugin would."""
