"""Point forecasters: one value per step, behind one registry."""
