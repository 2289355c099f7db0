"""Where faces are reached: pseudo terminals, TCP, RFC 2217. The one impure room of the faces."""
