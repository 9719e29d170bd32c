"""What to ask next: which pair to compare, which output to rate once more, which items to label at all.

Strategies are pure: they see what has been answered and name what to ask. `simulation` plays them against annotators of
known noise, so that they are compared before people are asked.
"""
