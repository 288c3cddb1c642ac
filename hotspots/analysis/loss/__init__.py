"""How fast soil carbon is lost: components, trend, modelled change, SDG 15.3.1, evidence."""
