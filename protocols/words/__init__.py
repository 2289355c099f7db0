"""Sentences for people: one room a language, and the same sentences in every room.

What is said is a value (a finding of the linter, an explanation, an order); here it gets its words.
Nothing is decided here, and nothing but faces imports it. English now; French, Dutch and German come
with the kiosk.
"""
