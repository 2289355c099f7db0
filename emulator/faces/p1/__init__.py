"""The customer port: Belgian P1 telegrams (e-MUCS 1.7 on DSMR 5.0.2)."""
