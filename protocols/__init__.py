"""The definitions that meters and controller share: documents, messages, units, instants, reasons.

Pure, except for `rim`: no I/O, no clock read, no random number. Imports nothing else of this project.
"""
