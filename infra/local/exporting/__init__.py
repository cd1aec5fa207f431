"""Everything back out: `aftershow export events|members|orders FILE`, in the formats that come in.

What a shop keeps is read whole (`kept`), from a local state or a deployed stack; `events`, `members` and `orders` turn
it into lines and rows; `writing` writes them to a file that appears only when it is complete.
"""
