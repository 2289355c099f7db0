"""Our client of a meter's DLMS port: as much as a bench needs to bring a document (IEC 62056-5-3)."""
