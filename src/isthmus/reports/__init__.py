"""One page that says what a model makes of a table. It needs matplotlib and Jinja2."""

from isthmus.reports.page import report as report
