"""The claims about one image, from all who make any.

The manifest's scale takes precedence, since only the signer wrote for the audit; then those in the file, and of the
sidecar, which is read only if the manifest lists it.
"""

from fusiondiff_audit.images.claims import Claims, ScaleSource, claim_scale, differ
from fusiondiff_audit.images.header import ImageHeader
from fusiondiff_audit.images.microscope_claims import read_microscope_claims
from fusiondiff_audit.images.tiff_claims import read_tiff_claims


def read_claims(
    data: bytes, header: ImageHeader, *, signed: tuple[str, str] | None = None, sidecar: tuple[Claims, ...] = ()
) -> Claims:
    """Return the claims of manifest, file and sidecar; `signed` are the value and the unit of the manifest's scale."""
    sources: list[Claims] = []
    if signed is not None:
        sources.append(claim_scale(ScaleSource.MANIFEST, *signed))
    if header.layout is not None:
        sources += read_tiff_claims(data, header)
    if header.plane is not None:
        sources.append(read_microscope_claims(data, header))
    sources += sidecar
    scales = tuple(scale for claims in sources for scale in claims.scales)
    conflicts = [conflict for claims in sources for conflict in claims.conflicts]
    conflicts += [f"{scales[0]} ({scales[0].source}), {s} ({s.source})" for s in scales[1:] if differ(scales[0], s)]
    return Claims(
        scales=scales,
        detector=next((claims.detector for claims in sources if claims.detector), None),
        magnification=next((claims.magnification for claims in sources if claims.magnification), None),
        rows=next((claims.rows for claims in sources if claims.rows), None),
        conflicts=tuple(conflicts),
    )
