"""OME-XML in a TIFF's description: it must describe one image of one plane, in this file."""

from xml.parsers import expat

from fusiondiff_audit.images.errors import ambiguous

_ELSEWHERE = ("BinaryOnly", "MetadataFile", "BinData")  # metadata or pixels that are not in the file's pages
_COUNTED = ("OME", "Image", "Pixels")  # one of each
_KNOWN = (*_ELSEWHERE, *_COUNTED, "UUID")  # some readers take any element whose name ends so


class _Elements:
    """The elements that state the number of planes, and the files that hold them."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.attributes: dict[str, list[dict[str, str]]] = {name: [] for name in _COUNTED}
        self.identifiers: list[str] = []  # of the files that planes lie in
        self._text: list[str] | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if local in _ELSEWHERE or (local not in _KNOWN and local.endswith(_KNOWN)):
            raise ambiguous(f"OME-XML with {local[:40]!a}, which may name another image")
        if attributes.get("FileName", self._name) != self._name:
            raise ambiguous(f"OME-XML names a file {attributes['FileName'][:100]!a}, and this one is {self._name!a}")
        if local in self.attributes:
            self.attributes[local].append(attributes)
        self._text = [] if local == "UUID" else self._text

    def end(self, name: str) -> None:
        if self._text is not None and name.rpartition(":")[2] == "UUID":
            self.identifiers.append("".join(self._text).strip())
            self._text = None

    def text(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)


def check_ome(text: str, name: str, width: int, height: int, channels: int) -> None:
    """Refuse OME-XML of several images or planes, of another size than the image's, or of planes in other files."""
    elements = _read(text, name)
    if any(len(occurrences) != 1 for occurrences in elements.attributes.values()):
        raise ambiguous("OME-XML of more images than one, or of none")
    (root,), (sizes,) = elements.attributes["OME"], elements.attributes["Pixels"]
    expected = {"SizeX": (width,), "SizeY": (height,), "SizeZ": (1,), "SizeT": (1,), "SizeC": (1, channels)}
    for side, values in expected.items():
        if sizes.get(side) not in {str(value) for value in values}:
            raise ambiguous(f"OME-XML says {side} {sizes.get(side, 'nowhere')[:20]!a}, the image's is {values[-1]}")
    if any(not identifier or identifier != root.get("UUID") for identifier in elements.identifiers):
        raise ambiguous("OME-XML names planes in another file")


def _read(text: str, name: str) -> _Elements:
    elements = _Elements(name)
    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = elements.start, elements.end
    parser.CharacterDataHandler = elements.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(text, True)
    except expat.ExpatError as e:
        raise ambiguous("OME-XML that is not well formed: readers take what they can of it") from e
    return elements


def _refuse_doctype(*_: object) -> None:
    raise ambiguous("OME-XML that declares entities")
