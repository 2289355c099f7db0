"""DLMS/COSEM over the TCP wrapper, the meter's end: bytes in, bytes and deeds out. Pure."""
