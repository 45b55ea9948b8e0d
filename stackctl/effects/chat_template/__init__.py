"""Renders a model's own chat template, which comes from a stranger."""

from stackctl.effects.chat_template.render import render

__all__ = ["render"]
