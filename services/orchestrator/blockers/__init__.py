"""Why a run does not move."""
