"""From stored judgments to dataset files: what is read, which pairs and labels it makes, and how they are written.

Judgments are read once through a server-side cursor, task by task, and texts for a few tasks at a time, so that memory
does not grow with the project. The same choices over the same judgments write the same bytes.
"""
