"""The text that lies beside every report: three ways to verify it, one of them without any code of ours."""

INSTRUCTIONS_FILE = "VERIFY.txt"
INSTRUCTIONS = r"""How to verify this report
=========================

report.sigstore.json is the report. It is signed, and the only file that counts. report.html shows it to people and is
not signed: anybody can edit a page. This text is not signed either; `fusiondiff-audit verify` says whether it is the
text that it writes itself.

You need two things that do not belong in this folder:

* trust.json, the trust store: it says whose keys count.
* the pin: the SHA-256 by which you know that trust.json is the right one. It must have reached you through another
  channel than the report: a call, a letter, a web site that you knew before. Whoever can exchange the report can
  exchange a pin that comes with it, and whoever made both can make both agree.

Each way below ends with a clear answer. None of them proves that the auditor's software judged rightly, nor where the
specimens come from; the report lists what it does not prove.


1. With our tool
----------------

    fusiondiff-audit verify . --trust trust.json --root sha256:PIN --images FOLDER

The last line begins with PASSED or REFUSED. This checks more than the other ways: every verdict again from its numbers,
the images in FOLDER against what their device signed, and report.html against the signed file. Leave --images out if
you do not have the images.


2. In a browser, with verify.html
---------------------------------

verify.html is one page that needs no installation and no network. Get it, and its SHA-256, from somebody other than the
author of this report. Open it, and give it report.sigstore.json, trust.json and the pin. It shows the rows that were
signed. `fusiondiff-audit report verifier --out verify.html` writes it.


3. Without our code, with openssl and jq
----------------------------------------

You need bash, OpenSSL 3.0 or newer, jq, and GNU coreutils. Set the first three lines, then paste the whole into bash in
this folder. IMAGES is the folder of the audited files, or empty. Only if the last line begins with GOOD is the report
genuine.

    TRUST=trust.json
    PIN=sha256:PIN
    IMAGES=

    (
      set -euo pipefail
      refuse() { echo "REFUSED: $1"; exit 1; }
      pae() { printf 'DSSEv1 %d %s %d ' "${#1}" "$1" "$(wc -c < "$2")"; cat "$2"; }   # of a type and a payload
      keyid() { openssl pkey -pubin -in "$1" -pubout | sha256sum | cut -c 1-64; }
      is_signed() {   # $T/pae, with the signature $T/sig, by an Ed25519 or P-256 key
        openssl pkeyutl -verify -pubin -inkey "$1" -rawin -in "$T/pae" -sigfile "$T/sig" > "$T/log" 2>&1 ||
        openssl dgst -sha256 -verify "$1" -signature "$T/sig" "$T/pae" > "$T/log" 2>&1
      }
      T=$(mktemp -d); trap 'rm -r "$T"' EXIT
      R=report.sigstore.json PINNED= BEFORE=null
      # 1. The versions of the trust store follow one another, and one of them has the pin as its SHA-256.
      for i in $(seq 0 $(($(jq '.roots | length' "$TRUST") - 1))); do
        jq -r ".roots[$i].payload" "$TRUST" | base64 -d > "$T/$i"
        [ "$(jq -r .previous "$T/$i")" = "$BEFORE" ] ||
          refuse "version $((i + 1)) of the trust store follows another one"
        BEFORE=$(sha256sum < "$T/$i" | cut -c 1-64)
        [ "$BEFORE" != "${PIN#sha256:}" ] || PINNED=yes
        pae application/vnd.fusiondiff-audit.trust-root.v1+json "$T/$i" > "$T/pae"
        for j in $((i > 0 ? i - 1 : 0)) $i; do   # enough root keys of the version before and of its own signed it
          N=0
          for k in $(jq -r '.rootKeys[].keyid' "$T/$j"); do
            jq -r --arg k "$k" '.rootKeys[] | select(.keyid == $k) | .public' "$T/$j" > "$T/key"
            jq -r --arg k "$k" ".roots[$i].signatures[] | select(.keyid == \$k) | .sig" "$TRUST" | base64 -d > "$T/sig"
            ! is_signed "$T/key" || [ "$(keyid "$T/key")" != "$k" ] || N=$((N + 1))
          done
          [ "$N" -ge "$(jq .threshold "$T/$j")" ] || refuse "version $((i + 1)) of the trust store lacks signatures"
        done
      done
      [ "$PINNED" ] || refuse "this is not the trust store of the pin"
      [[ "$(date -u +%Y-%m-%dT%H:%M:%SZ)" < "$(jq -r .expires "$T/$i")" ]] || refuse "the trust store has expired"
      # 2. Its last version lists the key that the report names, as an auditor's.
      K=$(jq -r .verificationMaterial.publicKey.hint "$R")
      jq -e --arg k "$K" '[.keys[] | select(.keyid == $k and .role == "auditor")][0]' "$T/$i" > "$T/entry" ||
        refuse "the key is not listed as an auditor's"
      jq -r .material "$T/entry" > "$T/key"
      [ "$(keyid "$T/key")" = "$K" ] || refuse "the key has another id"
      # 3. That key signed the payload: the DSSE signature over the pre-authentication encoding is good.
      jq -r .dsseEnvelope.payload "$R" | base64 -d > "$T/body"
      jq -r '.dsseEnvelope.signatures[0].sig' "$R" | base64 -d > "$T/sig"
      pae application/vnd.in-toto+json "$T/body" > "$T/pae"
      is_signed "$T/key" || refuse "the signature is bad"
      # 4. The payload is a report, and the key counted when the report says that it was issued.
      jq -e '.predicateType | startswith("https://fusiondiff-audit/authenticity-report/")' "$T/body" > "$T/log" ||
        refuse "this is no report"
      jq -e --slurpfile e "$T/entry" '.predicate.header.issued as $t | $e[0]
        | .from <= $t and $t < .until and .revoked == null' "$T/body" > "$T/log" ||
        refuse "the key was not good at the time, or is revoked; way 1 knows of timestamps"
      # 5. The images are those that were judged.
      jq -r '.subject[] | select(.name != "batch manifest") | .digest.sha256 + "  ./" + .name' "$T/body" > "$T/sums"
      [ -z "$IMAGES" ] || (cd "$IMAGES" && sha256sum --check --strict --quiet "$T/sums") || refuse "an image differs"
      # What was signed, in JSON's quotes.
      jq -r '.predicate.header | "AUTHENTIC means authentic as " + (.reference | @json), "issued " + .issued,
        "demonstration: " + (.demonstration | tostring)' "$T/body"
      jq -r '.predicate.specimens[] | .verdict + "  specimen " + (.specimen | @json)' "$T/body"
      jq -r '.predicate.images[] | .verdict + "  image " + (.name | @json)' "$T/body"
      echo "GOOD: $(jq .principal "$T/entry") signed these rows"
    )

These commands do not check that verdicts follow from their numbers, nor the rules by which a trust store may change
beyond its signatures; ways 1 and 2 do.
""".encode("ascii")
