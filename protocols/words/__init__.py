"""Sentences for people: one room for each language, with the same functions in each.

It turns values (a finding of the linter, an explanation, an order) into sentences. It decides nothing,
and only faces and the demo import it. English now; French, Dutch and German come with the kiosk.
"""
