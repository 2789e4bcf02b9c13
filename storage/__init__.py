"""Where bytes rest: files written whole or not at all."""
