"""Emulated meters: firmware (pure), the world around it (pure), scenarios, and the links that carry them."""
