"""Files in: `aftershow import members|orders|products|shows FILE`.

A file's rows are read (`files`), its columns are understood (`fields`, `mapping`), each row becomes Segment messages
(`members`, `orders`, `catalog`, `pinpoint`), and these go through the HTTP ingest like everybody's (`sending`). What
could not be used is told row by row (`report`).
"""
