"""Everything back out: `aftershow export events|members|orders FILE`, in the formats that come in.

What a shop keeps (`infra.local.kept`) is read whole; `events`, `members` and `orders` turn
it into lines and rows; `writing` writes them to a file that appears only when it is complete.
"""
