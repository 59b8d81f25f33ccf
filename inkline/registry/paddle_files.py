"""Convert a Paddle inference folder to ONNX, once: the result is kept in the cache under the hash of its content.

Programs of Paddle 2 (`inference.pdmodel`) need only the extra `paddle` (paddle2onnx 1). Programs of Paddle 3
(`inference.json`) need Paddle itself: `pip install paddlepaddle "paddle2onnx>=2"`; paddle2onnx 2.1.0 reads those that
Paddle 3.0 wrote, as the official ones are, but not those of Paddle 3.3.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from inkline.errors import ModelError
from inkline.files import sha256_of
from inkline.registry.settings import Settings, cache_error, cache_lock

PROGRAM_FILES = ("inference.json", "inference.pdmodel")
WEIGHTS_FILE = "inference.pdiparams"
EXPORTER = Path(__file__).with_name("paddle_export.py")
CONVERT_TIMEOUT_S = 600  # the largest published net takes less than one minute


def converted_onnx(folder: Path, settings: Settings) -> Path:
    """The ONNX file made from a Paddle inference folder, with the folder's `.yml` and charset beside it.

    ModelError when a file is missing, the converter is not installed, or it fails.
    """
    program = next(folder / name for name in PROGRAM_FILES if (folder / name).is_file())
    if not (folder / WEIGHTS_FILE).is_file():
        raise ModelError(f"{folder} holds {program.name} but no {WEIGHTS_FILE}; fetch or export the model again")
    # The same content is converted once, wherever its folder lies.
    digest = hashlib.sha256()
    for path in (program, folder / WEIGHTS_FILE, *_companions(folder).values()):
        digest.update(bytes.fromhex(sha256_of(path)))
    target = settings.cache / "converted" / digest.hexdigest()[:20]
    if (target / "inference.onnx").is_file():
        return target / "inference.onnx"
    check_converter(program.name, str(program))
    try:
        with cache_lock(target.name, settings), tempfile.TemporaryDirectory(dir=settings.cache) as scratch:
            if not (target / "inference.onnx").is_file():  # another process may have made it meanwhile
                made = convert_paddle_net(program, Path(scratch) / "made")
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(made, target)
    except OSError as error:
        raise cache_error(settings, error) from error
    return target / "inference.onnx"


def _companions(folder: Path) -> dict[str, Path]:
    """What belongs to the model besides the net: its settings and its charset, by the name they get."""
    texts = list(folder.glob("*.txt"))
    found = {"inference.yml": folder / "inference.yml", "inference.txt": texts[0] if len(texts) == 1 else folder}
    return {name: path for name, path in found.items() if path.is_file()}


def read_settings(path: Path) -> dict[str, Any]:
    """The content of an `inference.yml`, which PaddleX writes beside a model; ModelError when it is not readable."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the charset is long: C takes a tenth of the time
    try:
        config = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: not readable as YAML ({str(error).splitlines()[0]}); fetch it again") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error
    if not isinstance(config, dict):
        raise ModelError(f"{path}: holds no settings; fetch it again")
    return config


def check_converter(program: str, place: str) -> None:
    """ModelError, with what to install, when this Python cannot convert a net of this kind, which lies at `place`."""
    needs_paddle = program.endswith(".json")
    if importlib.util.find_spec("paddle2onnx") is None:
        need = 'paddlepaddle "paddle2onnx>=2"' if needs_paddle else '"inkline[paddle]"'
        raise ModelError(f"{place} is a Paddle model; to convert it: pip install {need}")
    version = importlib.metadata.version("paddle2onnx")
    if needs_paddle and version.startswith("1."):
        raise ModelError(
            f"{place} is a model of Paddle 3, which paddle2onnx {version} cannot read; take its ONNX folder from the "
            'hub, or: pip install paddlepaddle "paddle2onnx>=2"'
        )
    if not version.startswith("1.") and importlib.util.find_spec("paddle") is None:
        raise ModelError(f"{place}: paddle2onnx {version} needs Paddle to convert it: pip install paddlepaddle")


def convert_paddle_net(program: Path, made: Path) -> Path:
    """Convert a Paddle net, and copy what belongs to it, into the new folder `made`; returns `made`."""
    made.mkdir()
    local = made / program.name  # the converter may write beside its input, which need not be ours to write to
    shutil.copyfile(program, local)
    shutil.copyfile(program.with_name(WEIGHTS_FILE), made / WEIGHTS_FILE)
    out = made / "inference.onnx"
    command = [sys.executable, "-P", str(EXPORTER), str(local), str(made / WEIGHTS_FILE), str(out)]
    try:
        run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=CONVERT_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"{program}: the conversion did not end within {CONVERT_TIMEOUT_S} s") from error
    if run.returncode or not out.is_file() or not out.stat().st_size:  # some failures end quietly with nothing written
        raise ModelError(f"{program} could not be converted ({_reason(run.stdout + run.stderr, run.returncode)})")
    # The folder keeps the ONNX file, and the settings and the charset of the model beside it.
    local.unlink()
    (made / WEIGHTS_FILE).unlink()
    for name, path in _companions(program.parent).items():
        shutil.copyfile(path, made / name)
    return made


def _reason(log: bytes, code: int) -> str:
    """The converter's own reason: the last line that mentions an error, else the last line."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", log.decode(errors="replace")).strip().splitlines()
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or [f"exit status {code}"])[-1].strip()
