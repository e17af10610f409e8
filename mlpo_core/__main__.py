"""The command line: what Dagster, torchrun, Ray and a person all run."""

import sys

from mlpo_core.cli import main

sys.exit(main())
