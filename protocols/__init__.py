"""What both ends must mean alike: documents, units, instants, reasons.

Pure: no I/O, no clock read, no random number. Imports nothing else of this project.
"""
