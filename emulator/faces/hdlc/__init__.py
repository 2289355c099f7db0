"""HDLC as meters speak it: IEC 62056-46, frame format type 3 of ISO/IEC 13239, normal response mode."""
