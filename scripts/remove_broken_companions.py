"""Uninstall torchvision, torchaudio and torchcodec where they cannot be imported: they would break transformers."""

import subprocess
import sys

for package in ("torchvision", "torchaudio", "torchcodec"):
    probe = subprocess.run([sys.executable, "-c", f"import {package}"], capture_output=True, text=True)  # noqa: S603 - a command of our own, no shell
    if probe.returncode and "No module named" not in probe.stderr.splitlines()[-1]:
        print(f"{package} does not fit this torch and nothing here needs it: removing it")
        subprocess.run([sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes", package], check=True)  # noqa: S603 - a command of our own, no shell
