"""Read the `inference.yml` that PaddleX writes beside a model, into our metadata keys."""

import json
from pathlib import Path
from typing import Any

from inkline.errors import ModelError

# PostProcess name -> what it means here
DECODERS = {"CTCLabelDecode": "ctc", "AttnLabelDecode": "attention"}
POSTPROCESSES = {"DBPostProcess": "db", "EASTPostProcess": "east"}
# PostProcess key -> flat option name
THRESHOLDS = {
    "thresh": "text_det_thresh",
    "box_thresh": "text_det_box_thresh",
    "max_candidates": "text_det_max_candidates",
    "unclip_ratio": "text_det_unclip_ratio",
}


def read_official(path: Path) -> dict[str, str]:
    """The metadata an `inference.yml` states; ModelError when it cannot be read.

    What is not said there is left out. The thresholds become `inkline.official_options`: they are the publisher's,
    for the reference rules, and not tuned for ours.
    """
    import yaml

    loader = getattr(
        yaml, "CSafeLoader", yaml.SafeLoader
    )  # the charset is long: the one in C takes a tenth of the time
    try:
        config = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: not readable as YAML ({str(error).splitlines()[0]}); fetch it again") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error
    if not isinstance(config, dict):
        raise ModelError(f"{path}: holds no settings; fetch it again")
    out: dict[str, str] = {}
    name = _section(config, "Global").get("model_name")
    if isinstance(name, str):
        out["inkline.name"] = name
    _read_preprocess(config, out)
    _read_postprocess(path, _section(config, "PostProcess"), out)
    return out


def _section(config: dict[str, Any], key: str) -> dict[str, Any]:
    value = config.get(key)
    return value if isinstance(value, dict) else {}


def _read_preprocess(config: dict[str, Any], out: dict[str, str]) -> None:
    steps = _section(config, "PreProcess").get("transform_ops")
    for step in steps if isinstance(steps, list) else []:
        for op, values in step.items() if isinstance(step, dict) else ():
            values = values if isinstance(values, dict) else {}
            if op == "NormalizeImage":
                for key in ("mean", "std"):
                    if isinstance(values.get(key), list):
                        out[f"inkline.{key}"] = json.dumps(values[key])
            elif op == "DecodeImage" and values.get("img_mode") in ("BGR", "RGB"):
                out["inkline.channel_order"] = values["img_mode"]
            elif op == "RecResizeImg" and isinstance(values.get("image_shape"), list):
                out["inkline.input_height"] = str(values["image_shape"][1])


def _read_postprocess(path: Path, post: dict[str, Any], out: dict[str, str]) -> None:
    name = str(post.get("name", ""))
    if name in DECODERS:
        out["inkline.decoder"] = DECODERS[name]
    if name in POSTPROCESSES:
        out["inkline.postprocess"] = POSTPROCESSES[name]
    options = {THRESHOLDS[k]: v for k, v in post.items() if k in THRESHOLDS and isinstance(v, int | float)}
    if options:
        out["inkline.official_options"] = json.dumps(options)
    if isinstance(post.get("character_dict"), list):
        characters = post["character_dict"]
        if any(isinstance(c, bool) or not isinstance(c, str | int | float) for c in characters):
            raise ModelError(f"{path}: character_dict holds entries that are no text; put quotes around them")
        out["character"] = "\n".join(map(str, characters))
    labels = _section(post, "Topk").get("label_list", post.get("label_list"))
    if isinstance(labels, list):
        out["inkline.labels"] = json.dumps([str(label) for label in labels])
