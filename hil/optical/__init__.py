"""Reads and writes a meter over its optical port: IEC 62056-21, mode C."""
