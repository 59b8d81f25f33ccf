"""`python -m inkline` is the command line."""

from inkline.cli import main

main()
