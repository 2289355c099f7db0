"""Groups of households: four kinds by what the DSO's file says, and free ones that people make."""
