"""The optical port: IEC 62056-21, mode C."""
