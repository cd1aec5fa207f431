"""What the services need of the outside, as types; adapters provide it."""
