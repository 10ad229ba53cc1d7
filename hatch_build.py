"""Builds the studio's front end as the package is: with Node from the package index, so that nobody needs it."""

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class FrontEnd(BuildHookInterface):
    """Leaves the studio out, in one line, where its packages cannot be had; everything else is built."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before the wheel is put together, and before an editable one is."""
        if self.target_name == "wheel" and version == "standard":  # a checkout has it where it is written
            build_data["force_include"]["docs/glossary.md"] = "glassworks/studio/glossary.md"
        if os.environ.get("GLASSWORKS_NO_STUDIO"):
            return
        path = Path(self.root) / "src" / "glassworks" / "studio" / "front.py"
        spec = importlib.util.spec_from_file_location("front", path)
        assert spec is not None
        assert spec.loader is not None
        front = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(front)
        try:
            front.build()
        except (front.NotBuilt, OSError) as error:
            print(f"glassworks: {error}", file=sys.stderr)
