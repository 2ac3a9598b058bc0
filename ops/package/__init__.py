"""Builds what is deployed: three zips and one template, the same bytes from the same sources.

`build` is the whole of it. `sources` says which of our files go into which zip, `wheels` brings what they depend on,
`template` makes the template from what Chalice says and what template.yaml adds. Nothing here runs in a function.
"""
