"""Help of commands with many options: the examples first, then the options in groups."""

import click

# title -> beginnings of the names of its options; the first that fits takes an option
SECTIONS: dict[str, tuple[str, ...]] = {
    "Without effect, taken so that PaddleOCR's commands run": (
        *("enable_hpi", "use_tensorrt", "precision", "enable_mkldnn", "mkldnn_cache_capacity", "enable_cinn"),
        *("use_hpip", "hpi_config"),
    ),
    "Service": (
        *("host", "port", "parallel", "queue_size", "request_timeout", "max_body_", "max_pages", "visualize"),
        *("max_output_", "on_request"),
    ),
    "Input": ("more_inputs", "pdf_", "page_range", "max_image", "max_source", "allow_urls", "url_"),
    "Output": ("save_path", "formats", "as_json", "quiet"),
    "Language and models": ("lang", "ocr_version", "model_", "offline", "paddlex_config"),
    "Finding text": ("text_det_", "limit_", "thresh", "box_thresh", "unclip_ratio", "rules"),
    "Reading text": ("text_rec_", "text_recognition_batch_size", "return_word_box", "reading_order", "input_shape"),
    "Turning and flattening": ("use_", "doc_", "textline_", "topk"),
    "Running": (
        *("device", "engine", "cpu_threads", "workers", "retries", "retry_wait", "time_limit", "watch", "ledger"),
        *("ray", "replicas"),
    ),
    "Other": ("",),
}
ORDER = (
    *(
        "Service",
        "Input",
        "Output",
        "Language and models",
        "Turning and flattening",
        "Finding text",
        "Reading text",
        "Running",
    ),
    *("Without effect, taken so that PaddleOCR's commands run", "Other"),
)


def section_of(name: str) -> str:
    """The title under which an option stands."""
    if name.endswith(("_model_name", "_model_dir")):
        return "Language and models"
    return next(title for title, starts in SECTIONS.items() if name.startswith(starts))


class Grouped(click.Command):
    """A command whose help shows its examples (the epilog) before its options, and these in groups."""

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        self.format_epilog(ctx, formatter)
        self.format_options(ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                groups.setdefault(section_of(param.name or ""), []).append(record)
        for title in ORDER:
            if title in groups:
                with formatter.section(title):
                    formatter.write_dl(groups[title], col_max=34)
