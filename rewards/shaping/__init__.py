"""Operators of the reward algebra: pure functions over the rewards of many outputs at once.

`rows` holds what they work on, `contract` what each declares, `registry` all of them. No Django: notebooks use them.
"""
