"""One thread a test process: the suite runs on all cores already, and tiny models gain nothing from a second thread."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
