"""Charts: rows of figures become Vega-Lite, which becomes SVG for pages and PNG for the UI, without a browser."""
