"""Synthetic text: lines and whole pages with exact labels, in any script that a font draws; a function of (seed, index).

    synth_options.LineOptions, PageOptions       what to write and how to treat it
    draw_line.draw_line(options, index)          image BGR uint8 and its text, in logical order
    draw_page.draw_page(options, index)          image and [(quad, text)]
    generate.stream, generate.write_set          many processes: an ordered stream, a folder with labels
    contact_sheet.line_sheet, page_sheet         pictures to look at

Modules are imported by name, so that importing the package costs nothing.
"""
