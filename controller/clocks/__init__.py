"""Clocks of meters. Nobody sets one: a person may only have a disputed clock ask its witnesses again."""
