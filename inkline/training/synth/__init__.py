"""Synthetic text: lines and whole pages with exact labels, for any script that a font draws; deterministic by (seed,
index).

    options.LineOptions, options.PageOptions     what to write and how to treat it
    line.line(options, index), line.lines        image BGR uint8 and its text
    page.page(options, index), page.pages        image and [(quad, text)]
    store.stream, store.write                    many processes: an ordered stream, a folder with labels
    sheet.line_sheet, sheet.page_sheet           pictures to look at

Modules are imported by name, so that importing the package costs nothing.
"""
