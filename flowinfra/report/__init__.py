"""What a `pulumi preview --json` means for the flows of a stack, in the flow's own words.

    preview.json ──preview──▶ Preview ──assemble──▶ StackReport ──▶ text · markdown · html
                                          │
                      changes  (a flow's old and new inputs → lines with before → after)
                      graph    (old and new steps → one graph with marks)
                      resources (what Pulumi does to which resource)
                      risks    (what a reviewer should look at twice; schedule and policies do its counting)
                      sources  (unified diffs of files, where both versions are to be had)

All but `sources` and the reading of the preview's file is pure. Values of a preview are untrusted: `clean` makes them
printable, and each format escapes every span that is not of flowinfra's own words (`words.Span`).
"""
