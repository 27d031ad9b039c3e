"""Captions and pages of the report: what each template is given."""
