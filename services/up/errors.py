"""Why a suite does not start; each message is one line that names the fix."""

from __future__ import annotations

from minuet.model.errors import MinuetError


class SuiteError(MinuetError):
    """The suite cannot start or go on."""

    code = "suite_error"
