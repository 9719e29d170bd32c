"""What several people answered about one item, side by side, and the one answer that somebody settles on.

`canonical` brings answers under the same labels, `rules` says where they agree and what they make together, `reading`
knows the database, `page` and `lanes` shape what is shown.
"""
