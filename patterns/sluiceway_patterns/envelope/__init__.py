"""Envelope Wrapper and unwrapper: messages in the envelopes that others send and expect."""

from sluiceway_patterns.envelope.unwrap import Unwrap
from sluiceway_patterns.envelope.wrap import Wrap

__all__ = ["Unwrap", "Wrap"]
