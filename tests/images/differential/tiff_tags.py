"""Tags that may be added to a TIFF, and what each could say: what TIFF 6.0, its supplements and instruments have."""

import json
from random import Random

from tests.images.differential.exif import orientation_in_xmp
from tests.images.differential.tiff_model import (
    ASCII,
    BYTE,
    DOUBLE,
    FLOAT,
    IFD,
    LONG,
    RATIONAL,
    SHORT,
    SLONG,
    SRATIONAL,
    UNDEFINED,
    Page,
    Value,
)

TagValue = tuple[int, list[Value]]


def text(words: str) -> TagValue:
    return ASCII, [*words.encode(), 0]


OME = (
    '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image'
    ' ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="{kind}" SizeX="{width}" SizeY="{height}"'
    ' SizeC="{c}" SizeZ="{z}" SizeT="1"><TiffData/></Pixels></Image></OME>'
)


def descriptions(page: Page, rng: Random) -> dict[str, list[str]]:
    """Return descriptions by which readers know stacks and instruments."""
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
    return {
        "shaped": [
            json.dumps({"shape": shape}),
            json.dumps({"shape": shape, "axes": "QYX"}),
            json.dumps({"shape": shape, "truncated": True}),
            f"shape=({','.join(map(str, shape))})",
        ],
        "ImageJ": [
            f"ImageJ=1.53t\nimages={numbers}\nslices={numbers}\nmode=grayscale\n",
            f"ImageJ=1.53t\nimages={numbers}\nchannels={numbers}\nhyperstack=true\n",
            f"ImageJ=1.53t\nimages={numbers}\nframes={numbers}\nloop=false\nmin=10.0\nmax=100.0\n",
            "ImageJ=1.53t\nunit=um\nspacing=0.5\n",
            "ImageJ=1.11a\nimages=1\nchannels=3\nmode=composite\n",
            "<?xml version='1.0'?><ImageJ/>",
        ],
        "OME": [OME.format(kind=k, width=w, height=h, c=c, z=z) for k, w, h, c, z in pixels],
        "an instrument": [
            "a note",
            "Aperio Image Library v11\r\n4x4 [0,0 4x4] (4x4)",
            "<MetaData><PlaneInfo></PlaneInfo></MetaData>",
            "<scn></scn>",
            "state.configPath=1\nstate.acq.numberOfZSlices=2\n",
            "SIMPLE = T\nNAXIS = 2\nEND",
            "# Pixel_size 172e-6 m",
            "EPICS areaDetector",
            "[Acquisition],[Grab]",
            "<DataObject></DataObject>",
        ],
    }


def curve(page: Page, rng: Random) -> TagValue:
    """Return a transfer function: as it is, turned about, or bent."""
    bits = f.values[0] if (f := page.find(258)) else 8
    size = 2 ** min(int(bits) if isinstance(bits, int) else 8, 12)
    straight: list[Value] = [i * 65535 // (size - 1) for i in range(size)]
    return SHORT, rng.choice(
        [straight, straight[::-1], [int(v) ** 2 // 65535 for v in straight if isinstance(v, int)]]
    ) * rng.choice([1, 3])


# By number: each of its likely values, of the type that it should have.
TAGS: dict[int, list[TagValue]] = {
    254: [(LONG, [v]) for v in (0, 1, 2, 3, 4, 8, 16, 2**31)],
    255: [(SHORT, [v]) for v in (0, 1, 2, 3, 4)],
    263: [(SHORT, [v]) for v in (1, 2, 3)],
    264: [(SHORT, [v]) for v in (1, 8)],
    265: [(SHORT, [v]) for v in (1, 8)],
    266: [(SHORT, [v]) for v in (1, 2, 0, 3)],
    269: [text("a document")],
    271: [text("a maker"), text("Hamamatsu")],
    272: [text("a model")],
    273: [(LONG, [8]), (LONG, [8, 8])],
    274: [(SHORT, [v]) for v in (1, 2, 3, 4, 5, 6, 7, 8, 0, 9)],
    278: [(LONG, [v]) for v in (0, 1, 3, 2**32 - 1, 2**31)],
    279: [(LONG, [v]) for v in (0, 16)],
    280: [(SHORT, [v]) for v in (0, 10, 200)],
    281: [(SHORT, [v]) for v in (255, 100, 65535)],
    284: [(SHORT, [v]) for v in (1, 2, 0, 3)],
    285: [text("a page")],
    286: [(RATIONAL, [v, 1]) for v in (0, 3)],
    287: [(RATIONAL, [v, 1]) for v in (0, 3)],
    288: [(LONG, [8])],
    289: [(LONG, [8])],
    290: [(SHORT, [v]) for v in (1, 2, 3, 5)],
    291: [(SHORT, [*range(255, -1, -1)]), (SHORT, [*range(256)])],
    292: [(LONG, [v]) for v in (0, 1, 4)],
    293: [(LONG, [v]) for v in (0, 1)],
    296: [(SHORT, [v]) for v in (1, 2, 3, 0)],
    297: [(SHORT, [0, 1]), (SHORT, [1, 3])],
    300: [(SHORT, [v]) for v in (0, 1)],
    305: [text(t) for t in ("SI.TIFF", "MetaSeries", "PerkinElmer-QPI", "Philips DP v1.0", "IndicaLabsImageWriter v1",
                            "ISS Vista", "TVX TIFF v 1.3", "ScanOutputManager 1.1", "Ventana", "EPICS areaDetector",
                            "tifffile.py", "Adobe Photoshop 26", "ImageJ")],
    306: [text("2020:01:01 00:00:00")],
    315: [text("somebody")],
    316: [text("a computer")],
    317: [(SHORT, [v]) for v in (1, 2, 3, 0, 34892)],
    318: [(RATIONAL, [3127, 10000, 3290, 10000]), (RATIONAL, [1, 3, 1, 3])],
    319: [(RATIONAL, [64, 100, 33, 100, 30, 100, 60, 100, 15, 100, 6, 100]), (RATIONAL, [1, 1] * 6)],
    320: [(SHORT, [v * 257 for v in range(255, -1, -1)] * 3), (SHORT, [v * 256 for v in range(256)] * 3)],
    321: [(SHORT, [10, 200])],
    322: [(SHORT, [v]) for v in (16, 32, 64, 17)],
    323: [(SHORT, [v]) for v in (16, 32, 64)],
    324: [(LONG, [8])],
    325: [(LONG, [256])],
    326: [(LONG, [3])],
    327: [(SHORT, [v]) for v in (0, 1, 2)],
    328: [(LONG, [2])],
    330: [(LONG, [8]), (IFD, [8]), (LONG, [0])],
    332: [(SHORT, [v]) for v in (1, 2)],
    333: [text("Cyan")],
    334: [(SHORT, [v]) for v in (1, 3, 4)],
    336: [(BYTE, [0, 255]), (SHORT, [255, 0])],
    337: [text("a printer")],
    338: [(SHORT, [v]) for v in (0, 1, 2, 3)] + [(SHORT, [0, 0])],
    339: [(SHORT, [v]) for v in (1, 2, 3, 4, 5, 6)] + [(SHORT, [1, 1, 1]), (SHORT, [1, 2, 1])],
    340: [(SHORT, [0]), (SHORT, [100]), (BYTE, [9])],
    341: [(SHORT, [255]), (SHORT, [9]), (BYTE, [9])],
    342: [(SHORT, [0, 255] * 3), (SHORT, [255, 0] * 3)],
    343: [(BYTE, [0] * 8)],
    344: [(LONG, [4])],
    345: [(LONG, [4])],
    346: [(SHORT, [v]) for v in (0, 1)],
    347: [(UNDEFINED, [0xFF, 0xD8, 0xFF, 0xD9])],
    351: [(SHORT, [1])],
    400: [(LONG, [8])],
    401: [(LONG, [1])],
    433: [(SRATIONAL, [0, 1, 2, 1])],
    512: [(SHORT, [v]) for v in (1, 14)],
    513: [(LONG, [8])],
    514: [(LONG, [16])],
    529: [(RATIONAL, [299, 1000, 587, 1000, 114, 1000]), (RATIONAL, [1, 1] * 3)],
    530: [(SHORT, [1, 1]), (SHORT, [2, 2])],
    531: [(SHORT, [v]) for v in (1, 2)],
    532: [(RATIONAL, [0, 1, 255, 1] * 3), (RATIONAL, [255, 1, 0, 1] * 3), (RATIONAL, [16, 1, 235, 1] * 3)],
    559: [(LONG, [1])],
    700: [(BYTE, [*orientation_in_xmp(6)]), (BYTE, [*orientation_in_xmp(1)]),
          (BYTE, list(b"<iScan><scan/></iScan>"))],
    4864: [(LONG, [1])],
    32932: [(BYTE, [0] * 8)],
    32953: [(SHORT, [1])],
    32995: [(SHORT, [v]) for v in (0, 1)],
    32996: [(SHORT, [v]) for v in (1, 2, 3)],
    32997: [(LONG, [v]) for v in (1, 2, 0)],
    32998: [(LONG, [v]) for v in (1, 2)],
    33300: [(LONG, [8])],
    33301: [(LONG, [8])],
    33305: [(FLOAT, [0.5])],
    33421: [(SHORT, [2, 2])],
    33422: [(BYTE, [0, 1, 1, 2])],
    33432: [text("a copyright")],
    33445: [(LONG, [v]) for v in (2, 128)],
    33446: [(RATIONAL, [1, 100])],
    33550: [(DOUBLE, [1.0, 1.0, 0.0])],
    33560: [(UNDEFINED, list(b"SIS0" + bytes(60)))],
    33471: [text("[Acquisition Parameters]\r\nBand=3\r\n")],
    33628: [(LONG, [0, 1, 1, 1]), (LONG, [0, 1])],
    33629: [(RATIONAL, [1, 1] * 6), (RATIONAL, [1, 1] * 3)],
    33630: [(RATIONAL, [1, 1])],
    33631: [(RATIONAL, [1, 1])],
    33723: [(UNDEFINED, [0x1C, 2, 0, 0, 2, 0, 2])],
    34016: [(SHORT, [1])],
    34017: [(LONG, [0])],
    34018: [(SHORT, [1])],
    34022: [(SHORT, [*range(16)])],
    34118: [text("DATE\nSEM")],
    34361: [(LONG, [1])],
    34362: [(UNDEFINED, [0] * 400)],
    34377: [(BYTE, list(b"8BIM\x03\xed\0\0" + bytes(20)))],
    34412: [(BYTE, list(b"\x4c\x49\x49\x4c" + bytes(500)))],
    34664: [(LONG, [8])],
    34665: [(LONG, [8]), (IFD, [8])],
    34675: [(UNDEFINED, [0] * 128), (UNDEFINED, [1] * 20)],
    34680: [text("[User]\r\nDate=1\r\n")],
    34682: [text("<Metadata/>")],
    34735: [(SHORT, [1, 1, 0, 0])],
    34853: [(LONG, [8])],
    37398: [(BYTE, [1, 0, 0, 0])],
    37679: [text("words")],
    37706: [(BYTE, [0] * 60)],
    37724: [(UNDEFINED, list(b"Adobe Photoshop Document Data Block\0MIB8ryaL" + bytes(8)))],
    40001: [text("words")],
    40961: [(SHORT, [v]) for v in (1, 2, 65535)],
    40965: [(LONG, [8])],
    42112: [text('<GDALMetadata><Item name="SCALE" sample="0" role="scale">2</Item></GDALMetadata>')],
    42113: [text("0"), text("nan")],
    43314: [(UNDEFINED, [0] * 436)],
    50255: [text("words")],
    50288: [(UNDEFINED, list(b"MC TIFF\0"))],
    50341: [(UNDEFINED, list(b"PrintIM\0" + bytes(8)))],
    50706: [(BYTE, [1, 4, 0, 0])],
    50712: [(SHORT, [*range(255, -1, -1)])],
    50714: [(SHORT, [10])],
    50717: [(LONG, [100])],
    50719: [(LONG, [1, 1])],
    50720: [(LONG, [2, 2])],
    50829: [(LONG, [0, 0, 2, 2])],
    50838: [(LONG, [12, 30]), (LONG, [12])],
    50839: [(BYTE, list(b"IJIJlabl\0\0\0\1" + bytes(30)))],
    51023: [text("<Fiber/>")],
    51123: [text('{"Slices": 2, "Frames": 1, "Channels": 1, "IntendedDimensions": {"z": 2}}')],
    65000: [text("Field '65001' is x"), text("<Argos/>")],
    65001: [(UNDEFINED, list(b"<metadata></metadata>"))],
    65420: [(LONG, [1])],
    65426: [(LONG, [0])],
    65535: [(SHORT, [1]), text("words"), (SLONG, [-1])],
}  # fmt: skip


def draw_value(tag: int, page: Page, rng: Random) -> TagValue:
    """Return the type and the values of an added tag."""
    if tag == 270:
        return text(rng.choice(descriptions(page, rng)["an instrument"]))
    if tag in (301, 291) and rng.random() < 0.7:
        return curve(page, rng)
    return rng.choice(TAGS.get(tag, [(SHORT, [rng.choice([0, 1, 2, 255])])]))
