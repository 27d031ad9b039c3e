"""The command line: ``python -m portal_lib``."""

import os
import sys

from portal_lib.cli import main

if __name__ == "__main__":
    # Read as torch starts its threads: idle threads spin for a moment and then sleep. Without this a training takes
    # several times as long on a machine that runs other programs as well.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    sys.exit(main())
