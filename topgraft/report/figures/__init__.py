"""Figures as SVG and PDF: what each draws, and what they are drawn with (drawing, palette, shapes, icons)."""
