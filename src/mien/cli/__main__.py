"""python -m mien.cli"""

from mien.cli import main

main()
