"""What a run was computed by: versions of all that decides it, and the state of this package's checkout."""

import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import Any


def versions() -> dict[str, str]:
    """Versions of Python, the platform and the packages that decide what a run computes."""
    by_package = {"python": platform.python_version(), "platform": platform.platform()}
    for package in ("glassworks", "torch", "numpy", "tokenizers", "safetensors"):
        try:
            by_package[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            by_package[package] = "not installed"
    return by_package


def git_state() -> dict[str, Any] | None:
    """Commit of this package's checkout and whether it was changed; None outside a checkout."""
    here = Path(__file__).parent

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, check=True, timeout=10).stdout

    try:
        return {
            "commit": git("rev-parse", "HEAD").strip(),
            "changed": bool(git("status", "--porcelain", "-uno").strip()),
        }
    except (OSError, subprocess.SubprocessError):
        return None
