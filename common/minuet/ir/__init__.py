"""The pure core: documents are compiled, routed and patched here."""

from .diff_summary import DiffSummary, diff_summary
from .materialise import apply_patch, invert

__all__ = ["DiffSummary", "apply_patch", "diff_summary", "invert"]
