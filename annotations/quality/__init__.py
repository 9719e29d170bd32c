"""How good a campaign's answers are: what each question's answers agree on, and what each person's say about them.

`reading` turns stored judgments into columns, `report` works out the figures, `people` those of each person.
"""
