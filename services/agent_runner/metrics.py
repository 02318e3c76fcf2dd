"""What model calls use, under the names of the GenAI conventions."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from .turns import Replied

TOKENS = Histogram(
    "gen_ai_client_token_usage",
    "Tokens of one model call",
    ["gen_ai_request_model", "gen_ai_token_type"],
    buckets=(1, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576),
)
SECONDS = Histogram(
    "gen_ai_client_operation_duration_seconds",
    "One model call, retries included",
    ["gen_ai_request_model"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
CALLS = Counter("minuet_agent_tool_calls_total", "Tool calls", ["tool", "outcome"])
RESUMED = Counter("minuet_agent_resumed_total", "Executions that went on from a journal")


def record(model: str, reply: Replied, seconds: float) -> dict[str, object]:
    """Count one call; its attributes for the log beside the run."""
    usage = reply.usage
    TOKENS.labels(model, "input").observe(usage.input_tokens)
    TOKENS.labels(model, "output").observe(usage.output_tokens)
    SECONDS.labels(model).observe(seconds)
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": model,
        "gen_ai.response.model": reply.model,
        "gen_ai.response.finish_reasons": [reply.finish_reason],
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "estimated": usage.estimated,
        "duration_s": round(seconds, 3),
    }
