// Written by fusiondiff_audit/page/verifier_build.py from the constants of `reports`.

export const MOST_SPECIMENS = 20000
export const STANDARD_LIMITS = [
  "AUTHENTIC means `authentic as` the reference above, compared with the enrolled specimens, and nothing else.",
  "A verdict says nothing of age, provenance or value, and nothing of parts of an object that no image shows.",
  "That images show the named specimens, and that their labels are right, is a claim of whoever signed them."
]
export const SAME_OBJECT = "Images without a specimen's name may show the same object."
export const STRESS_POLICIES = [
  "quick",
  "full",
  "exhaustive"
]
export const EMBEDDED_BUNDLES = {
  "ca51f3c142b2224fdf0cae599cae1f1e39d07f9becb9f1c356a20d8e7d92be2d": {
    "name": "fusion-diff-v1-ceramic",
    "reference": "procedural kiln Alder, demonstration",
    "tested": "0c636cfc99439a93759c241c36cd2db19450d000f65da51c60cf483917723f2a",
    "tested_by": "quick",
    "tested_on": "2026-12-01"
  },
  "e79f081976f75c1acd2832d8d2814d53d9bfeb84433edf67ae5ea3c2235d5239": {
    "name": "fusion-diff-v1-ceramic",
    "reference": "procedural kiln Alder, demonstration",
    "tested": "572c0601161ca7b1bba902250cabd6740373038865af94ca7797294717d97bf7",
    "tested_by": "quick",
    "tested_on": "2026-11-28"
  }
}
