"""Aftershow: win back the viewers of a live show who left without ordering, and keep those who ordered."""
