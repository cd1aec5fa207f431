"""Aftershow in one process: the real handlers over an embedded store, queues and bus."""
