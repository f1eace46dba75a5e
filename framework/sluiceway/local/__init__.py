"""The embedded AWS and the development loop."""
