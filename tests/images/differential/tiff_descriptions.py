"""What an ImageDescription may say by which readers know stacks: tifffile's shapes, ImageJ, OME-XML, Leica's SCN."""

import json
from random import Random

from tests.images.differential.tiff_model import Page

OME_NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
OME = (
    '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image'
    ' ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="{kind}" SizeX="{width}" SizeY="{height}"'
    ' SizeC="{c}" SizeZ="{z}" SizeT="1"><TiffData/></Pixels></Image></OME>'
)

SCN = '<scn><collection><image name="a"><pixels>{}</pixels></image></collection></scn>'


def descriptions(page: Page, rng: Random) -> dict[str, list[str]]:
    """Return descriptions by kind: of the image that the page holds, of more of them, or of an image that hides."""
    width, height = (
        int(f.values[0]) if (f := page.find(t)) and isinstance(f.values[0], int) else 4 for t in (256, 257)
    )
    samples = f.values[0] if (f := page.find(277)) else 1
    shapes: list[list[object]] = [
        [height, width], [1, height, width], [2, height, width], [height // 2, width], [width, height],
        [height * width], [2, height // 2, width], [height, width, samples], [samples, height, width],
        [1, 1, height, width, 1], [2, 4, 4],
    ]  # fmt: skip
    shape = rng.choice(shapes)
    numbers = rng.choice([1, 1, 2, 3])
    pixels = [
        ("uint8", width, height, 1, numbers),
        ("uint16", width, height, numbers, 1),
        ("uint8", height, width, 1, 1),
        ("uint8", width // 2, height // 2, 1, 1),
        ("float", width, height, 3, 1),
        ("uint8", width, height, 1, 1),
    ]
    ome = [OME.format(kind=k, width=w, height=h, c=c, z=z) for k, w, h, c, z in pixels]
    hidden = ome[0][ome[0].index("<Image") : ome[0].index("</OME>")]
    prefix = rng.choice(["x", "a-b", "a.b", "abcdefghijklmnopqrstuvwxyz"])
    renamed = hidden.replace("</", f"</{prefix}:").replace("<Image", f"<{prefix}:Image")
    renamed = renamed.replace("<Pixels", f"<{prefix}:Pixels").replace("<TiffData", f"<{prefix}:TiffData")
    images = [
        f"<?note <!-- ?>{hidden}<?note --> ?>",
        f"<!-- {hidden} -->",
        f"<![CDATA[{hidden}]]>",
        hidden,
        renamed.replace(f"<{prefix}:Image", f'<{prefix}:Image xmlns:{prefix}="{OME_NAMESPACE}"'),
    ]
    wide = " " * rng.choice([1, 9])
    stack = [f"images{wide}={numbers}", f"slices={wide}{numbers}", f"frames={numbers}", f"channels ={numbers}"]
    return {
        "shaped": [
            json.dumps({"shape": shape}),
            json.dumps({"shape": shape, "axes": "QYX"}),
            json.dumps({"shape": [height, width], "axes": "YX"}).replace("axes", "axe\\u0073"),
            json.dumps({"shape": [height, width, 1], "axes": rng.choice(["QYX", "YXS"])}),
            json.dumps({"shape": [height, width], "axes": rng.choice(["QX", "ZX"])}).replace("axes", "axe\\u0073"),
            json.dumps({"shape": [height, width], "sha_e": shape}).replace("sha_e", "sha\\u0070e"),
            json.dumps({"shape": shape}).replace(": ", f":{wide}"),
            json.dumps({"shape": shape, "truncated": True}),
            f"shape=({','.join(map(str, shape))})",
        ],
        "ImageJ": [
            f"ImageJ=1.53t\nimages={numbers}\nslices={numbers}\nmode=grayscale\n",
            f"ImageJ=1.53t\nimages={numbers}\nchannels={numbers}\nhyperstack=true\n",
            f"ImageJ=1.53t\nimages={numbers}\nframes={numbers}\nloop=false\nmin=10.0\nmax=100.0\n",
            "ImageJ=1.53t\nunit=um\nspacing=0.5\n",
            "ImageJ=1.53t\n" + "\n".join(stack[: rng.randint(1, 4)]) + "\n",
            "ImageJ=1.11a\nimages=1\nchannels=3\nmode=composite\n",
            "<?xml version='1.0'?><ImageJ/>",
        ],
        "OME": [*ome, *(ome[5].replace("<Image", f"{other}<Image", 1) for other in images)],
        "SCN": [
            SCN.format(dimensions)
            for dimensions in (
                '<dimension ifd="0" c="0"/>',
                '<dimension ifd="0" c="0"/><dimension ifd="0" c="1"/>',
                '<dimension ifd="0" z="0"/><dimension ifd="0" z="3"/>',
                '<dimension ifd="0" r="0"/><dimension ifd="0" r="1"/>',
            )
        ],
    }
