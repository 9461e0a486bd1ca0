"""The spec, sections 1 to 4: each sentence and each example has a test named after it.

One file a section, in the spec's own order. What the sentences leave open, and every way to be
refused, is tried beside the apps.
"""
