"""`inkline languages`: the codes that `--lang` takes."""

import json

import click

from inkline.cli.models import NAMES

EXAMPLES = """\b
Examples:
  inkline languages                               every code and its recogniser
  inkline languages --ocr_version PP-OCRv3        those of one generation
  inkline ocr page.png --lang fr                  what the codes are for
"""


@click.command(context_settings=NAMES, epilog=EXAMPLES)
@click.option("--ocr_version", help="only what this version reads: PP-OCRv3, PP-OCRv4, PP-OCRv5 or PP-OCRv6")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def languages(ocr_version: str | None, as_json: bool) -> None:
    """List the languages: code, name, and the models that read each when only `--lang` is given.

    Beside the codes, the names of groups are taken: latin, arabic, eslav, cyrillic, devanagari.
    """
    from inkline.errors import UsageError, near
    from inkline.languages import GROUPS, LANGUAGES, ROUTES, route, versions_of

    if ocr_version and ocr_version not in ROUTES:
        raise UsageError(f"ocr_version={ocr_version!r}: must be one of {', '.join(ROUTES)}{near(ocr_version, ROUTES)}")
    rows = []
    for code, known in (LANGUAGES | GROUPS).items():
        versions = versions_of(code)
        if not ocr_version or ocr_version in versions:
            models = dict(zip(("detector", "recognizer"), route(code, ocr_version or ""), strict=True))
            row = {"code": code, "name": known.name, "direction": known.direction, "versions": versions}
            rows.append(row | models)
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for row in rows:
        click.echo(f"{row['code']:12}  {row['name']:24}  {row['recognizer']}")
