"""What the flows of all teams share: it is packaged with each of them, data files included."""

from pathlib import Path

import yaml

HERE = Path(__file__).parent


def currencies():
    """Currency → units of it for one euro."""
    return yaml.safe_load((HERE / "currencies.yaml").read_text())
