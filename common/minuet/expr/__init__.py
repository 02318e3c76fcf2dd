"""Expressions and templates: pure functions of their text and a context. No I/O, no clock."""

from .cel import Expression, compile_expression
from .errors import ExpressionError, ExpressionSyntaxError, TemplateFault, TemplateSyntaxError
from .paths import MISSING, Path, build_context, extract, format_path, parse_path
from .template import Template, compile_template, escape

__all__ = [
    "MISSING",
    "Expression",
    "ExpressionError",
    "ExpressionSyntaxError",
    "Path",
    "Template",
    "TemplateFault",
    "TemplateSyntaxError",
    "build_context",
    "compile_expression",
    "compile_template",
    "escape",
    "extract",
    "format_path",
    "parse_path",
]
