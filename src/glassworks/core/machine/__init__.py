"""The machine beneath: clocks, threads, memory, loops compiled by numba, and work in company."""
