"""Weights for Inkline; nothing to import. The file beside this one is found through the installed distribution."""
