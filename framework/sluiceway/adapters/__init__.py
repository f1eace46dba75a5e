"""Sources, sinks and AWS clients: the only code that talks to a service."""
