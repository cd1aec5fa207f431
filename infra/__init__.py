"""What watches, feeds and hosts Aftershow; nothing here ships with the functions."""
